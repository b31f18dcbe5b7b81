package job

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/towpath/towpath/record"
)

// MarshalJSON writes the column as an object whose type is its text.
func (c Column) MarshalJSON() ([]byte, error) {
	type plain Column
	out := struct {
		plain
		Type string `json:"type,omitempty"`
	}{plain: plain(c)}
	if c.Type != nil {
		out.Type = c.Type.String()
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Column) UnmarshalJSON(b []byte) error {
	type plain Column
	out := struct {
		plain
		Type *string `json:"type"`
	}{}
	if err := json.Unmarshal(b, &out); err != nil {
		return err
	}
	*c = Column(out.plain)
	if out.Type == nil {
		return nil
	}
	t, err := record.ParseType(*out.Type)
	c.Type = &t
	return err
}

// Canonical returns the job as JSON that is equal for equal jobs: defaults filled in, keys in a fixed order. It is a document
// itself: Parse of it gives the same job. Secrets of inline endpoints are in it; take Redacted first where it is shown or kept.
func (j *Job) Canonical() []byte {
	b, err := json.Marshal(j)
	if err != nil {
		panic(fmt.Sprintf("marshal job: %v", err)) // its raw parts are valid JSON by construction
	}
	return b
}

// Hash is the SHA-256 of Canonical, in hex.
func (j *Job) Hash() string {
	sum := sha256.Sum256(j.Canonical())
	return hex.EncodeToString(sum[:])
}

// Redacted returns a copy in which mask has replaced the options of inline endpoints.
func (j *Job) Redacted(mask func(connector string, options json.RawMessage) json.RawMessage) *Job {
	out := j.Clone()
	for _, e := range []*Endpoint{&out.Source, &out.Target} {
		if e.Inline() {
			e.Options = mask(e.Connector, e.Options)
		}
	}
	return out
}
