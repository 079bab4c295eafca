package config

import (
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Mask is what a secret looks like wherever it is printed.
const Mask = "******"

// Secret is a string that prints as [Mask].
type Secret string

// String returns the mask, or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return Mask
}

// GoString returns the mask.
func (s Secret) GoString() string { return `config.Secret("` + s.String() + `")` }

// MarshalText returns the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Bytes is a size in bytes, written as 64MiB, 1.5GB or 4096.
type Bytes int64

var sizeUnits = []struct {
	name string
	n    int64
}{
	{"PiB", 1 << 50}, {"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"PB", 1e15}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3},
	{"P", 1 << 50}, {"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1},
}

// ParseBytes reads a size: a number with an optional unit. KB, MB, … are
// powers of 1000; KiB, MiB, … and the bare letters K, M, … powers of 1024.
func ParseBytes(s string) (Bytes, error) {
	number, unit := strings.TrimSpace(s), int64(1)
	for _, u := range sizeUnits {
		if len(number) > len(u.name) && strings.EqualFold(number[len(number)-len(u.name):], u.name) {
			number, unit = strings.TrimSpace(number[:len(number)-len(u.name)]), u.n
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n >= 0 {
		if n > math.MaxInt64/unit {
			return 0, errors.New("too large")
		}
		return Bytes(n * unit), nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !(f >= 0) || f*float64(unit) >= math.MaxInt64 {
		return 0, errors.New("not a size; write for example 64MiB")
	}
	return Bytes(f * float64(unit)), nil
}

// String writes the size in the largest binary unit that divides it.
func (b Bytes) String() string {
	for _, u := range sizeUnits[:5] {
		if b != 0 && int64(b)%u.n == 0 {
			return strconv.FormatInt(int64(b)/u.n, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// UnmarshalText is ParseBytes.
func (b *Bytes) UnmarshalText(text []byte) error {
	v, err := ParseBytes(string(text))
	*b = v
	return err
}

// MarshalText is String.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

var days = regexp.MustCompile(`^(\d+)d`)

// ParseDuration is time.ParseDuration with a leading number of days: 7d, 1d12h.
func ParseDuration(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	var d time.Duration
	if m := days.FindStringSubmatch(s); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || n > int64(math.MaxInt64/(24*time.Hour)) {
			return 0, errors.New("too long")
		}
		d = time.Duration(n) * 24 * time.Hour
		if s = s[len(m[0]):]; s == "" {
			return d, nil
		}
	}
	rest, err := time.ParseDuration(s)
	if err != nil {
		return 0, errors.New("not a duration; write for example 500ms, 30s or 7d")
	}
	return d + rest, nil
}

// setText parses text into v, a scalar or a list or map of scalars (comma
// separated, k=v for maps). Errors do not contain the text.
func setText(v reflect.Value, text string, enum []string) error {
	if v.Kind() == reflect.Pointer && shapeOf(v.Type()) == scalar {
		v.Set(reflect.New(v.Type().Elem()))
		return setText(v.Elem(), text, enum)
	}
	switch shapeOf(v.Type()) {
	case scalar:
		return setScalar(v, text, enum)
	case anything:
		v.Set(reflect.ValueOf(text))
		return nil
	case list:
		out := reflect.MakeSlice(v.Type(), 0, 0)
		for _, part := range splitList(text) {
			e := reflect.New(v.Type().Elem()).Elem()
			if shapeOf(e.Type()) != scalar {
				return fmt.Errorf("needs a %s", typeName(v.Type()))
			}
			if err := setScalar(e, part, enum); err != nil {
				return err
			}
			out = reflect.Append(out, e)
		}
		v.Set(out)
		return nil
	case dictionary:
		out := reflect.MakeMap(v.Type())
		for _, part := range splitList(text) {
			name, value, ok := strings.Cut(part, "=")
			e := reflect.New(v.Type().Elem()).Elem()
			if !ok || shapeOf(e.Type()) != scalar {
				return fmt.Errorf("needs a %s", typeName(v.Type()))
			}
			if err := setScalar(e, strings.TrimSpace(value), enum); err != nil {
				return err
			}
			out.SetMapIndex(reflect.ValueOf(strings.TrimSpace(name)).Convert(v.Type().Key()), e)
		}
		v.Set(out)
		return nil
	}
	return fmt.Errorf("needs a %s", typeName(v.Type()))
}

func splitList(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func setScalar(v reflect.Value, text string, enum []string) error {
	if len(enum) > 0 {
		found := false
		for _, e := range enum {
			found = found || e == text
		}
		if !found {
			err := error(fault.Newf(fault.Config, "must be one of %s", strings.Join(enum, ", ")))
			if r := fault.DidYouMean(text, enum); r != "" {
				err = fault.WithRemedy(err, r)
			}
			return err
		}
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := ParseDuration(text)
		v.SetInt(int64(d))
		return err
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true", "yes", "on", "1":
			v.SetBool(true)
		case "false", "no", "off", "0":
			v.SetBool(false)
		default:
			return errors.New("must be true or false")
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 0, v.Type().Bits())
		if err != nil {
			return numberError(err, "a whole number")
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text, 0, v.Type().Bits())
		if err != nil {
			return numberError(err, "a whole number, not negative")
		}
		v.SetUint(n)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil {
			return numberError(err, "a number")
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("needs a %s", typeName(v.Type()))
	}
	return nil
}

func numberError(err error, want string) error {
	if errors.Is(err, strconv.ErrRange) {
		return errors.New("out of range")
	}
	return errors.New("must be " + want)
}
