// Package page holds the one plain page of a server: sign-in and the runs as they go on. It has no script or style but its own files.
package page

import "embed"

// Files are page.html, page.js and page.css.
//
//go:embed page.html page.js page.css
var Files embed.FS
