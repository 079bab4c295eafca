package protobuf

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// FuzzDecode also asks the reference implementation: what it reads, we read, since we check less (unread fields).
func FuzzDecode(f *testing.F) {
	m := load(f, "test.All")
	deep := types.RowOf(types.Field{Name: "next", Type: sub()}, types.Field{Name: "list", Type: types.ArrayOf(types.Of(types.Int))})
	fields := formattest.Fields("string", types.String(), "sint32", types.Of(types.Int), "color", types.String(), "sub", deep, "at", types.TimestampLTZOf(3), "a", types.String(),
		"numbers", types.ArrayOf(types.Of(types.Int)), "subs", types.ArrayOf(sub()), "colors", types.ArrayOf(types.String()), "counts", types.MapOf(types.String(), types.Of(types.Int)),
		"by_id", types.MapOf(types.Of(types.BigInt), sub()))
	good := wire(f, m, `{"string":"s","sub":{"next":{"id":"1"},"list":[1,2]},"numbers":[1],"counts":{"k":1},"byId":{"1":{"name":"n"}}}`)
	for _, s := range []string{good, "", "\x80", "\x0f", wire(f, m, `{"a":"x","at":"2024-01-01T00:00:00Z","colors":["RED"],"subs":[{},{"id":"5"}],"far":"y"}`), "\x1b\x1c", "\x1b\x23\x24\x1c", "\xf2\x01\x02\x02\x80", "\x8a\x01\x02\x08\x80"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := decoder(t, m, fields, Options{})
		formattest.Fuzz(t, d, fields, []byte(good), data)
		ref := dynamicpb.NewMessage(m)
		if !referenceReads(data, ref) {
			return
		}
		got, bad := formattest.Batch(t, d, fields, string(data))
		if bad != nil {
			t.Fatalf("the reference reads %x, we do not: %v", data, bad)
		}
		// Written again by the reference, in its own order and form, it must give the same row.
		canon, err := proto.MarshalOptions{Deterministic: true}.Marshal(ref)
		if err != nil {
			t.Fatal(err)
		}
		again, bad := formattest.Batch(t, d, fields, string(canon))
		if bad != nil {
			t.Fatal(bad)
		}
		for _, i := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8} { // all but maps, whose order may differ
			if g, w := got.Cols[i].ValueStr(0), again.Cols[i].ValueStr(0); g != w {
				t.Fatalf("%x: %s is %s, the reference says %s", data, fields[i].Name, g, w)
			}
		}
	})
}

// referenceReads reports whether the reference reads data into m. It panics on some map entries with a key of the wrong type.
func referenceReads(data []byte, m *dynamicpb.Message) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return proto.Unmarshal(data, m) == nil
}
