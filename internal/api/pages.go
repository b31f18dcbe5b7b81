package api

import (
	"net/http"

	"github.com/towpath/towpath/internal/api/page"
)

// file answers with a file of the page.
func file(name string) func(*server) http.HandlerFunc {
	return func(*server) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", pagePolicy)
			http.ServeFileFS(w, r, page.Files, name)
		}
	}
}
