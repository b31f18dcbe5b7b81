// Package client speaks to a towpath server: its types are those that the server answers with and that the command line prints as JSON. It brings
// nothing of the application with it.
package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Problem is what went wrong, as RFC 9457 has it. Methods of Client return it as their error.
type Problem struct {
	Title   string    `json:"title" doc:"What the status means."`
	Status  int       `json:"status" doc:"HTTP status."`
	Code    string    `json:"code,omitempty" doc:"Stable code, TOW-nnn."`
	Class   string    `json:"class,omitempty" doc:"What kind of trouble it is: config, row, missing, denied, changed, retry, busy, full, fenced, lost, unknown; refused: by the plan."`
	Detail  string    `json:"detail" doc:"What was being done and what was wrong."`
	Path    string    `json:"path,omitempty" doc:"Where in what was sent."`
	Hint    string    `json:"hint,omitempty" doc:"What to do."`
	Request string    `json:"request,omitempty" doc:"ID of the request, as the server's log has it."`
	Parts   []Problem `json:"parts,omitempty" doc:"The single mistakes where there are several."`
	// Plan is what was made of a plan that refuses.
	Plan json.RawMessage `json:"plan,omitempty" doc:"The plan that refuses, as far as it was made."`
}

// Refused is the class of problems of plans that refuse.
const Refused = "refused"

// ProblemType is the media type of problems.
const ProblemType = "application/problem+json"

// Error returns the detail, with the code behind it.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = http.StatusText(p.Status)
	}
	if p.Path != "" && !strings.HasPrefix(text, p.Path+": ") {
		text = p.Path + ": " + text
	}
	if p.Code != "" {
		text += fmt.Sprintf(" [%s]", p.Code)
	}
	return text
}

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of problems in place of that of other answers.
func (p *Problem) ContentType(string) string { return ProblemType }
