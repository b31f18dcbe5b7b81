package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/towpath/towpath/client"
)

// describe makes what huma describes routes in. It serves neither documents nor schemas, and adds nothing to answers.
func describe(mux humago.Mux, version string) huma.API {
	config := huma.DefaultConfig("Towpath", version)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.Formats = map[string]huma.Format{"application/json": {Marshal: marshal, Unmarshal: json.Unmarshal}, "json": {Marshal: marshal, Unmarshal: json.Unmarshal}}
	config.Transformers = []huma.Transformer{wellFormed}
	config.RejectUnknownQueryParameters = true
	config.Info.Description = "Moves data between unlike stores, every row accounted for. Times are RFC 3339 in UTC. What goes wrong is a problem after RFC 9457 with a stable code."
	config.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	config.Servers = []*huma.Server{{URL: "/", Description: "The server that serves this document."}}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "A token, tw_pat_..."},
		"session": {Type: "apiKey", In: "cookie", Name: "__Host-towpath", Description: "The session of a browser that signed in."},
	}
	return humago.New(mux, config)
}

// marshal writes an answer without escaping <, > and &, as the command line does.
func marshal(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func problemResponse(docs huma.API) *huma.Response {
	schema := docs.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[client.Problem](), true, "Problem")
	return &huma.Response{Description: "What went wrong.", Content: map[string]*huma.MediaType{client.ProblemType: {Schema: schema}}}
}

// written is the OpenAPI document, indented, the same for the same routes.
func written(docs huma.API) []byte {
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // huma's own, which wellFormed replaces
		delete(docs.OpenAPI().Components.Schemas.Map(), unused)
	}
	for _, kind := range []reflect.Type{reflect.TypeFor[client.Subscription](), reflect.TypeFor[client.Message](), reflect.TypeFor[client.RunEvent](), reflect.TypeFor[client.Progress](),
		reflect.TypeFor[client.LogLine]()} {
		docs.OpenAPI().Components.Schemas.Schema(kind, true, "") // what the WebSocket carries
	}
	text, err := json.Marshal(docs.OpenAPI())
	if err != nil {
		panic(err) // the routes are described wrongly
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		panic(err)
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// Document returns the OpenAPI document of all routes.
func Document() []byte {
	docs := describe(http.NewServeMux(), "1")
	s, mux := &server{}, &recorder{ServeMux: http.NewServeMux()}
	for _, r := range routes() {
		if r.call != nil {
			r.add(s, mux, docs)
		}
	}
	return written(docs)
}

// describeAll answers with the OpenAPI document.
func (s *server) describeAll() http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(s.openapi)
	}
}
