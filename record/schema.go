package record

// Field is one column of a dataset.
type Field struct {
	Name      string   `json:"name"`
	Type      Type     `json:"type"`
	Nullable  bool     `json:"nullable,omitempty"`
	Key       int      `json:"key,omitempty"`    // 1-based position in the key; 0: not part of it
	Native    string   `json:"native,omitempty"` // the store's own type text
	Default   *Default `json:"default,omitempty"`
	Comment   string   `json:"comment,omitempty"`
	Charset   string   `json:"charset,omitempty"`
	Collation string   `json:"collation,omitempty"`
	Generated bool     `json:"generated,omitempty"` // computed by the store
	Numbered  bool     `json:"numbered,omitempty"`  // the store numbers rows by it: identity, serial, AUTO_INCREMENT
	Keeps     []Code   `json:"keeps,omitempty"`     // of a column as stored: marks that it can hold as they are
	Place     *Place   `json:"place,omitempty"`     // in a document; nil: a member of the column's name, null where it is NULL
}

// Place is where a document holds a column's value: as a member of an object at the document's top, or of the document itself. A NULL with
// a place is left out, so that a document has the members that the source's row has. It is never changed.
type Place struct {
	Object string `json:"object,omitempty"` // "": the document
	Member string `json:"member"`
}

// Default is what a store puts into a column that a row does not give.
type Default struct {
	Text    string `json:"text,omitempty"`    // the text form of a literal, in the field's type
	Now     bool   `json:"now,omitempty"`     // the time of the statement
	Foreign string `json:"foreign,omitempty"` // an expression of the store's own language: for people, never copied
}

// Schema is the ordered columns of a dataset, and what is built on them. It is shared between goroutines and never changed once
// a batch refers to it.
type Schema struct {
	Fields     []Field     `json:"fields"`
	Comment    string      `json:"comment,omitempty"`
	Indexes    []Index     `json:"indexes,omitempty"` // beside that of the key
	References []Reference `json:"references,omitempty"`
	// Distinct: the source keeps the key unique and is read in its order, so that no two rows which one reading yields have the same key,
	// whatever is changed meanwhile and however often it is resumed.
	Distinct bool `json:"distinct,omitempty"`
}

// Index is an index over whole columns. Others (expressions, conditions, prefixes, full text) are not carried over: Foreign says
// which and why.
type Index struct {
	Name    string        `json:"name"`
	Columns []IndexColumn `json:"columns,omitempty"`
	Unique  bool          `json:"unique,omitempty"`
	Foreign string        `json:"foreign,omitempty"` // why it has no counterpart elsewhere; for people
}

// IndexColumn is a column of an index.
type IndexColumn struct {
	Name       string `json:"name"`
	Descending bool   `json:"descending,omitempty"`
}

// Reference is a foreign key.
type Reference struct {
	Name     string   `json:"name"`
	Columns  []string `json:"columns"`
	Dataset  string   `json:"dataset"` // that it refers to, as the source names it
	Foreign  []string `json:"foreign"` // its columns there, in the order of Columns
	OnDelete Action   `json:"on_delete,omitempty"`
	OnUpdate Action   `json:"on_update,omitempty"`
}

// Action is what a store does to rows that refer to one which goes or changes its key.
type Action string

// The actions of SQL; "" is NO ACTION.
const (
	NoAction   Action = ""
	Restrict   Action = "restrict"
	Cascade    Action = "cascade"
	SetNull    Action = "set null"
	SetDefault Action = "set default"
)

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
