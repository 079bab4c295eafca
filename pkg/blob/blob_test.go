package blob

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"
)

func TestDir(t *testing.T) {
	ctx := context.Background()
	d, err := NewDir(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a/b/1", "a/b/2", "a/c", "z"} {
		if err := d.Put(ctx, name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := d.List(ctx, "a/b")
	if err != nil || !slices.Equal(got, []string{"a/b/1", "a/b/2"}) {
		t.Fatalf("List = %v, %v", got, err)
	}
	if data, err := d.Get(ctx, "a/c"); err != nil || string(data) != "a/c" {
		t.Fatalf("Get = %q, %v", data, err)
	}
	if _, err := d.Get(ctx, "nope"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Get of a missing object: %v", err)
	}
	if got, err := d.List(ctx, "nowhere/"); err != nil || len(got) != 0 {
		t.Fatalf("List of nothing = %v, %v", got, err)
	}
	if err := d.Put(ctx, "../out", nil); err == nil {
		t.Fatal("a name left the store")
	}
}

func TestDirWriterIsAtomic(t *testing.T) {
	ctx := context.Background()
	d, _ := NewDir(t.TempDir(), false)
	w, err := d.Create(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if names, _ := d.List(ctx, ""); len(names) != 0 {
		t.Fatalf("an unfinished object shows: %v", names)
	}
	w.Abort()
	if _, err := d.Get(ctx, "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("an aborted object is there: %v", err)
	}
}

func TestDirRenameCanBeRepeated(t *testing.T) {
	ctx := context.Background()
	d, _ := NewDir(t.TempDir(), false)
	if err := d.Put(ctx, "stage/x", []byte("1")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Rename(ctx, "stage/x", "final/x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Rename(ctx, "stage/y", "final/y"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("renaming nothing: %v", err)
	}
}
