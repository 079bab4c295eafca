// Package ui is the built web page, compiled into the program. A program built without it works, and tells how to build it.
package ui

import (
	"embed"
	"io/fs"
)

// The folder holds .keep always, and the page once `make ui` has run.
//
//go:embed all:dist
var dist embed.FS

// Build is the command that builds the page, for whoever meets a program without it.
const Build = "make ui build"

// Page returns the files of the page, index.html at the root; built is false when the program was compiled without them.
func Page() (page fs.FS, built bool) {
	page, err := fs.Sub(dist, "dist")
	if err != nil {
		return dist, false
	}
	_, err = fs.Stat(page, "index.html")
	return page, err == nil
}
