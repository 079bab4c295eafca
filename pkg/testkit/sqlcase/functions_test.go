package sqlcase

import (
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/engine/wasm"
	"github.com/freshet-dw/freshet/pkg/engine/wasm/wasmtest"
)

// TestUserFunctions runs the cases of functions in Go.
func TestUserFunctions(t *testing.T) {
	cases, err := ParseFile("testdata/functions/go.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { Run(t, c) })
	}
}

// TestModuleFunctions runs the cases of functions in WebAssembly; MODULE stands for the module's path.
func TestModuleFunctions(t *testing.T) {
	cases, err := ParseFile("testdata/functions/wasm.txt")
	if err != nil {
		t.Fatal(err)
	}
	path := wasmtest.Build(t)
	functions, err := userFunctions(wasm.NewLoader(wasm.Limits{})) // one for all: it compiles the module once
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		c.functions = functions
		c.SQL = strings.ReplaceAll(c.SQL, "MODULE", path)
		t.Run(c.Name, func(t *testing.T) { Run(t, c) })
	}
}
