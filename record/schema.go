package record

// Field is one column of a dataset.
type Field struct {
	Name      string  `json:"name"`
	Type      Type    `json:"type"`
	Nullable  bool    `json:"nullable,omitempty"`
	Key       int     `json:"key,omitempty"`    // 1-based position in the key; 0: not part of it
	Native    string  `json:"native,omitempty"` // the store's own type text
	Default   *string `json:"default,omitempty"`
	Comment   string  `json:"comment,omitempty"`
	Charset   string  `json:"charset,omitempty"`
	Collation string  `json:"collation,omitempty"`
	Generated bool    `json:"generated,omitempty"` // computed by the store
}

// Schema is the ordered columns of a dataset. It is shared between goroutines and never changed once a batch refers to it.
type Schema struct {
	Fields []Field `json:"fields"`
}

// Index returns the place of the named column, or -1. Names are compared exactly.
func (s *Schema) Index(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// Key returns the places of the key columns in key order; empty when the dataset has no key.
func (s *Schema) Key() []int {
	var key []int
	for pos := 1; ; pos++ {
		found := -1
		for i := range s.Fields {
			if s.Fields[i].Key == pos {
				found = i
				break
			}
		}
		if found < 0 {
			return key
		}
		key = append(key, found)
	}
}
