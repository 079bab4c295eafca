package sqlcase

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// The folders of case files. In agree Flink gives the same answers; in flink-wrong it does not, each case says why in its section flink; the
// cases of not-yet hold Flink's answers and do not pass here, each says why in its section not-yet.
const (
	Agree      = "agree"
	FlinkWrong = "flink-wrong"
	NotYet     = "not-yet"
)

// CaseFile is one file of cases.
type CaseFile struct {
	Path   string
	Name   string // relative to where the search began
	Folder string // Agree, FlinkWrong, NotYet, or empty outside of them
}

// Files finds the case files at path: itself, or all that end in .txt below it. Those of user functions are left out: tests of their own give
// them their modules, and Flink does not know them.
func Files(path string) ([]CaseFile, error) {
	var out []CaseFile
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "functions" {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || filepath.Ext(p) != ".txt" {
			return err
		}
		f := CaseFile{Path: p, Name: filepath.Base(p), Folder: filepath.Base(filepath.Dir(p))}
		if rel, err := filepath.Rel(path, p); err == nil && rel != "." {
			f.Name = filepath.ToSlash(rel)
		}
		if f.Folder != Agree && f.Folder != FlinkWrong && f.Folder != NotYet {
			f.Folder = ""
		}
		out = append(out, f)
		return nil
	})
	return out, err
}

// misplaced says what is wrong with a case's being in its folder.
func (f CaseFile) misplaced(c *Case) error {
	for folder, reason := range map[string]string{FlinkWrong: c.Flink, NotYet: c.NotYet} {
		section := strings.TrimSuffix(folder, "-wrong")
		switch {
		case f.Folder == folder && reason == "":
			return fmt.Errorf("a case in %s has a section %q that says why", folder, section)
		case f.Folder != folder && reason != "":
			return fmt.Errorf("a case with a section %q belongs in %s", section, folder)
		}
	}
	return nil
}
