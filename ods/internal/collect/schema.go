package collect

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// schema turns JSON events into Protobuf messages of one type.
type schema struct {
	message           protoreflect.MessageDescriptor
	key, id, received protoreflect.FieldDescriptor // nil: not wanted
	layout            *layout                      // of the quick path; nil: the library does everything
}

func loadSchema(ctx context.Context, file string, c Config) (*schema, error) {
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{filepath.Dir(file)}})}
	files, err := compiler.Compile(ctx, filepath.Base(file))
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "read event schema %s", file)
	}
	d := files[0].FindDescriptorByName(protoreflect.FullName(c.Message))
	m, ok := d.(protoreflect.MessageDescriptor)
	if !ok {
		var names []string
		for i := range files[0].Messages().Len() {
			names = append(names, string(files[0].Messages().Get(i).FullName()))
		}
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "%s has no message %s", file, c.Message), "ods.collect.message is one of "+strings.Join(names, ", "))
	}
	s := &schema{message: m}
	for _, want := range []struct {
		to   *protoreflect.FieldDescriptor
		key  string
		name string
		kind protoreflect.Kind
	}{{&s.key, "key", c.Key, protoreflect.StringKind}, {&s.id, "id", c.ID, protoreflect.StringKind}, {&s.received, "received", c.Received, protoreflect.Int64Kind}} {
		if want.name == "" {
			continue
		}
		f := m.Fields().ByName(protoreflect.Name(want.name))
		if f == nil || f.Kind() != want.kind || f.IsList() {
			return nil, fault.Newf(fault.Config, "ods.collect.%s: message %s has no %s field %s", want.key, c.Message, want.kind, want.name)
		}
		*want.to = f
	}
	s.layout = compile(s)
	return s, nil
}

// event is one encoded event.
type event struct {
	key, value []byte
}

// encode makes the record of one JSON event that arrived at now (milliseconds). The error says what is wrong with the event.
func (e *encoder) encode(data []byte, now int64) (event, error) {
	if ev, end, ok := e.quick(data, space(data, 0), now); ok && space(data, end) == len(data) {
		return ev, nil
	}
	return e.library(data, now)
}

// library is encode by the Protobuf library, for events of any shape.
func (s *schema) library(data []byte, now int64) (event, error) {
	m := dynamicpb.NewMessage(s.message)
	if err := protojson.Unmarshal(data, m); err != nil {
		return event{}, errors.New(plain(err))
	}
	if s.id != nil && m.Get(s.id).String() == "" {
		var b [16]byte
		if _, err := rand.Read(b[:]); err != nil {
			return event{}, fmt.Errorf("make an event id: %w", err)
		}
		m.Set(s.id, protoreflect.ValueOfString(hex.EncodeToString(b[:])))
	}
	if s.received != nil {
		m.Set(s.received, protoreflect.ValueOfInt64(now))
	}
	e := event{}
	if s.key != nil {
		if e.key = []byte(m.Get(s.key).String()); len(e.key) == 0 {
			return event{}, fmt.Errorf("field %s is missing", s.key.Name())
		}
	}
	var err error
	e.value, err = proto.MarshalOptions{Deterministic: true}.Marshal(m)
	return e, err
}

// plain takes the library's prefix off; it varies its white space on purpose.
func plain(err error) string {
	s := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	return strings.TrimPrefix(s, "proto: ")
}
