package protobuf

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Load compiles the files and finds the message.
func Load(opts Options) (protoreflect.MessageDescriptor, error) {
	base, err := filepath.Abs(opts.BaseDir)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "find the base directory of .proto files")
	}
	dirs := []string{base}
	var names []string
	for _, f := range opts.Files {
		if !filepath.IsAbs(f) {
			f = filepath.Join(base, f)
		}
		dir := filepath.Dir(f)
		// One file must have one name, however it is imported: the one relative to the base directory.
		name, err := filepath.Rel(base, f)
		if err != nil || strings.HasPrefix(name, "..") {
			name = filepath.Base(f)
		}
		names = append(names, filepath.ToSlash(name))
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return compile(&protocompile.SourceResolver{ImportPaths: dirs}, names, opts.Message)
}

// Compile finds the message in .proto texts given by file name.
func Compile(files map[string]string, message string) (protoreflect.MessageDescriptor, error) {
	var names []string
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	return compile(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(files)}, names, message)
}

func compile(r protocompile.Resolver, names []string, message string) (protoreflect.MessageDescriptor, error) {
	var errs []error
	c := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(r),
		Reporter: reporter.NewReporter(func(err reporter.ErrorWithPos) error {
			p := err.GetPosition()
			errs = append(errs, fault.At(p.Filename, p.Line, p.Col).Errorf(fault.Config, "%w", err.Unwrap()))
			return nil
		}, nil),
	}
	files, err := c.Compile(context.Background(), names...)
	if len(errs) > 0 {
		return nil, fault.Wrap(fault.Config, errors.Join(errs...), "compile %s", strings.Join(names, ", "))
	}
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "compile %s", strings.Join(names, ", "))
	}
	var all []protoreflect.MessageDescriptor
	for _, f := range files {
		all = collect(all, f.Messages())
	}
	return find(all, message)
}

func collect(all []protoreflect.MessageDescriptor, ms protoreflect.MessageDescriptors) []protoreflect.MessageDescriptor {
	for i := range ms.Len() {
		if m := ms.Get(i); !m.IsMapEntry() {
			all = collect(append(all, m), m.Messages())
		}
	}
	return all
}

// find finds the message by its full name, by the name of its Java class, or by as many of the last parts of the name
// as agree, at least the message's own name.
func find(all []protoreflect.MessageDescriptor, name string) (protoreflect.MessageDescriptor, error) {
	dotted := strings.ReplaceAll(name, "$", ".")
	for _, m := range all {
		if string(m.FullName()) == dotted {
			return m, nil
		}
	}
	for _, m := range all {
		if javaName(m) == name {
			return m, nil
		}
	}
	var best []protoreflect.MessageDescriptor
	most := 1
	var names []string
	for _, m := range all {
		names = append(names, string(m.FullName()))
		n := commonTail(strings.Split(string(m.FullName()), "."), strings.Split(dotted, "."))
		if n > most {
			most, best = n, nil
		}
		if n == most {
			best = append(best, m)
		}
	}
	switch len(best) {
	case 1:
		return best[0], nil
	case 0:
		remedy := fault.DidYouMean(dotted, names)
		if remedy == "" {
			slices.Sort(names)
			remedy = "the files define " + strings.Join(names[:min(len(names), 10)], ", ")
		}
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "the .proto files define no message %q", name), remedy)
	}
	names = names[:0]
	for _, m := range best {
		names = append(names, string(m.FullName()))
	}
	return nil, fault.WithRemedy(fault.Newf(fault.Config, "message %q can be any of %s", name, strings.Join(names, ", ")), "write the full name of one of them")
}

func commonTail(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// javaName is the name of the class that protoc generates for m, "$" before nested ones.
func javaName(m protoreflect.MessageDescriptor) string {
	f := m.ParentFile()
	pkg, outer, multiple := string(f.Package()), "", false
	if o := fileOptions(f); o != nil {
		if o.JavaPackage != nil {
			pkg = o.GetJavaPackage()
		}
		outer, multiple = o.GetJavaOuterClassname(), o.GetJavaMultipleFiles()
	}
	if outer == "" {
		outer = camel(strings.TrimSuffix(path.Base(f.Path()), ".proto"))
	}
	var parts []string
	for d := protoreflect.Descriptor(m); d != f; d = d.Parent() {
		parts = append(parts, string(d.Name()))
	}
	slices.Reverse(parts)
	if !multiple {
		parts = append([]string{outer}, parts...)
	}
	name := strings.Join(parts, "$")
	if pkg == "" {
		return name
	}
	return pkg + "." + name
}

// fileOptions reads the file's options; the compiler's own type for them is not always the generated one.
func fileOptions(f protoreflect.FileDescriptor) *descriptorpb.FileOptions {
	if o, ok := f.Options().(*descriptorpb.FileOptions); ok {
		return o
	}
	b, err := proto.Marshal(f.Options())
	if err != nil {
		return nil
	}
	o := &descriptorpb.FileOptions{}
	if proto.Unmarshal(b, o) != nil {
		return nil
	}
	return o
}

func camel(s string) string {
	var b strings.Builder
	up := true
	for _, r := range s {
		switch {
		case r == '_' || r == '-' || r == '.':
			up = true
		case up:
			b.WriteString(strings.ToUpper(string(r)))
			up = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// fieldNamed finds a message's field by its name.
func fieldNamed(m protoreflect.MessageDescriptor, name string) (protoreflect.FieldDescriptor, error) {
	if f := m.Fields().ByName(protoreflect.Name(name)); f != nil {
		return f, nil
	}
	var names []string
	for i := range m.Fields().Len() {
		names = append(names, string(m.Fields().Get(i).Name()))
	}
	err := fmt.Errorf("message %s has no field %q", m.FullName(), name)
	remedy := fault.DidYouMean(name, names)
	if remedy == "" {
		remedy = "its fields are " + strings.Join(names, ", ")
	}
	return nil, fault.WithRemedy(err, remedy)
}
