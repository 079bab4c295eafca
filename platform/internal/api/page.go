package api

import (
	"fmt"
	"io/fs"
	"net/http"

	"github.com/freshet-dw/freshet/platform/ui"
)

const noPage = `<!doctype html><meta charset="utf-8"><title>Freshet</title>
<body style="font:16px system-ui;background:#070b14;color:#cfd8ea;padding:4rem">
<h1>The page is not part of this program</h1>
<p>It was built without the web page. This builds both:</p><pre>%s</pre>
<p>The numbers are at <a style="color:#5cc8ff" href="/api/v1/screen">/api/v1/screen</a>.</p>
`

// page serves the web page's files; the page may load nothing from elsewhere.
func page(files fs.FS, built bool) http.Handler {
	if !built {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintf(w, noPage, ui.Build)
		})
	}
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		if hashed(r.URL.Path) {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			h.Set("Cache-Control", "no-cache")
		}
		server.ServeHTTP(w, r)
	})
}
