package expr

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"net/url"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// digestFunctions are digests and encodings.
func digestFunctions() map[string]builder {
	return map[string]builder{
		"MD5":    digest(func(b []byte, out []byte) []byte { s := md5.Sum(b); return append(out, s[:]...) }),
		"SHA1":   digest(func(b []byte, out []byte) []byte { s := sha1.Sum(b); return append(out, s[:]...) }),
		"SHA224": digest(sha(224)), "SHA256": digest(sha(256)), "SHA384": digest(sha(384)), "SHA512": digest(sha(512)), "SHA2": sha2,
		"TO_BASE64": toBase64, "FROM_BASE64": fromBase64, "UNHEX": unhex, "URL_ENCODE": urlEncode, "URL_DECODE": urlDecode, "PARSE_URL": parseURL,
		"UUID": uuid, "HASH_CODE": hashCode,
	}
}

func sha(bits int) func(b []byte, out []byte) []byte {
	switch bits {
	case 224:
		return func(b, out []byte) []byte { s := sha256.Sum224(b); return append(out, s[:]...) }
	case 256:
		return func(b, out []byte) []byte { s := sha256.Sum256(b); return append(out, s[:]...) }
	case 384:
		return func(b, out []byte) []byte { s := sha512.Sum384(b); return append(out, s[:]...) }
	case 512:
		return func(b, out []byte) []byte { s := sha512.Sum512(b); return append(out, s[:]...) }
	}
	return nil
}

func digest(f func(b []byte, out []byte) []byte) builder {
	return func(b *binding) (impl, error) {
		if err := b.arity(1, 1); err != nil {
			return nil, err
		}
		t := b.out()
		return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
			s := strs(a[0])
			var buf [64]byte
			return toStrings(t, n, kernel.Valid(n, a[0]), 64*n, func(i int, dst []byte) ([]byte, bool) {
				return hex.AppendEncode(dst, f(s.Bytes(i), buf[:0])), true
			}), nil
		}, nil
	}
}

// sha2 is SHA2(s, bits) with 224, 256, 384 or 512.
func sha2(b *binding) (impl, error) {
	if err := b.arity(2, 2); err != nil {
		return nil, err
	}
	if k := b.args[1].konst; k != nil && !k.Null() {
		c := ints(*k, 1)
		if sha(int(c.At(0))) == nil {
			return nil, fault.Newf(fault.Config, "SHA2 with length %d: it must be 224, 256, 384 or 512", c.At(0))
		}
	} else {
		b.fail = true
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s, bits := strs(a[0]), ints(a[1], n)
		var buf [64]byte
		out := toStrings(t, n, kernel.Valid(n, a...), 64*n, func(i int, dst []byte) ([]byte, bool) {
			f := sha(int(bits.At(i)))
			if f == nil {
				failed = fault.Newf(fault.Permanent, "SHA2 with length %d: it must be 224, 256, 384 or 512", bits.At(i))
				return dst, false
			}
			return hex.AppendEncode(dst, f(s.Bytes(i), buf[:0])), true
		})
		return out, failed
	}, nil
}

// hashCode is HASH_CODE of text, the absolute value of Java's String.hashCode, and of integers and DOUBLE, Java's hash of them.
func hashCode(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	t, kind := b.out(), b.typ(0)
	if kind.Kind == types.Decimal {
		return nil, fault.Newf(fault.Config, "HASH_CODE of %s", kind)
	}
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		valid := kernel.Valid(n, a[0])
		fold := func(v uint64) int64 { return int64(int32(v ^ v>>32)) }
		switch {
		case kind.IsString():
			s := strs(a[0])
			return intColumn(t, n, valid, func(i int) (int64, bool) {
				h := int32(0)
				for _, r := range s.At(i) {
					if r > 0xffff {
						hi, lo := utf16.EncodeRune(r)
						h = (h*31+hi)*31 + lo
						continue
					}
					h = h*31 + r
				}
				return int64(max(h, -h)), true
			}), nil
		case kind.Kind == types.Float:
			x := floats(a[0], n)
			return intColumn(t, n, valid, func(i int) (int64, bool) { return int64(int32(math.Float32bits(float32(x.At(i))))), true }), nil
		case kind.Kind == types.Double:
			x := floats(a[0], n)
			return intColumn(t, n, valid, func(i int) (int64, bool) { return fold(math.Float64bits(x.At(i))), true }), nil
		case kind.Kind == types.BigInt:
			x := ints(a[0], n)
			return intColumn(t, n, valid, func(i int) (int64, bool) { return fold(uint64(x.At(i))), true }), nil
		}
		x := ints(a[0], n)
		return intColumn(t, n, valid, func(i int) (int64, bool) { return x.At(i), true }), nil
	}, nil
}

func toBase64(b *binding) (impl, error) {
	return text1(b, func(dst []byte, s string) ([]byte, bool) {
		return base64.StdEncoding.AppendEncode(dst, []byte(s)), true
	})
}

// fromBase64 fails for text that is no base64, as Flink does.
func fromBase64(b *binding) (impl, error) {
	if err := b.arity(1, 1); err != nil {
		return nil, err
	}
	b.fail = true
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		var failed error
		s := strs(a[0])
		out := toStrings(t, n, kernel.Valid(n, a[0]), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
			from := len(dst)
			dst, err := base64.RawStdEncoding.AppendDecode(dst, bytes.TrimRight(s.Bytes(i), "="))
			if err != nil {
				failed = fault.Newf(fault.Permanent, "FROM_BASE64 of '%s': it is no base64", s.At(i))
			} else if text := dst[from:]; !utf8.Valid(text) {
				dst = append(dst[:from], bytes.ToValidUTF8(text, []byte("\uFFFD"))...)
			}
			return dst, err == nil
		})
		return out, failed
	}, nil
}

func unhex(b *binding) (impl, error) {
	return text1(b, func(dst []byte, s string) ([]byte, bool) {
		if len(s)%2 == 1 {
			s = "0" + s
		}
		out, err := hex.AppendDecode(dst, []byte(s))
		return out, err == nil
	})
}

// urlEncode is application/x-www-form-urlencoded as Java writes it.
func urlEncode(b *binding) (impl, error) {
	const upper = "0123456789ABCDEF"
	return text1(b, func(dst []byte, s string) ([]byte, bool) {
		for i := 0; i < len(s); i++ {
			switch c := s[i]; {
			case c == ' ':
				dst = append(dst, '+')
			case c >= '0' && c <= '9' || c|32 >= 'a' && c|32 <= 'z' || strings.IndexByte("-_.*", c) >= 0:
				dst = append(dst, c)
			default:
				dst = append(dst, '%', upper[c>>4], upper[c&15])
			}
		}
		return dst, true
	})
}

func urlDecode(b *binding) (impl, error) {
	return text1(b, func(dst []byte, s string) ([]byte, bool) {
		v, err := url.QueryUnescape(s)
		return append(dst, v...), err == nil
	})
}

// urlPart is a part of a URL as java.net.URL names them; ok is false if it is not there.
func urlPart(s, part string) (v string, ok bool) {
	scheme, rest, found := strings.Cut(s, ":")
	if !found {
		return "", false
	}
	switch strings.ToLower(scheme) {
	case "http", "https", "ftp", "file", "jar":
	default:
		return "", false
	}
	rest, ref, hasRef := strings.Cut(rest, "#")
	authority, path := "", rest
	hasAuthority := strings.HasPrefix(rest, "//")
	if hasAuthority {
		rest = rest[2:]
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		authority, path = rest[:end], rest[end:]
	}
	file := path
	path, query, hasQuery := strings.Cut(path, "?")
	user, host, hasUser := strings.Cut(authority, "@")
	if !hasUser {
		user, host = "", authority
	}
	switch part {
	case "HOST":
		if k := strings.LastIndexByte(host, ':'); k >= 0 && !strings.HasSuffix(host, "]") {
			host = host[:k]
		}
		return host, true
	case "PATH":
		return path, true
	case "QUERY":
		return query, hasQuery
	case "REF":
		return ref, hasRef
	case "PROTOCOL":
		return strings.ToLower(scheme), true
	case "FILE":
		return file, true
	case "AUTHORITY":
		return authority, hasAuthority
	case "USERINFO":
		return user, hasUser
	}
	return "", false
}

// parseURL is PARSE_URL(url, part[, key of the query]).
func parseURL(b *binding) (impl, error) {
	if err := b.arity(2, 3); err != nil {
		return nil, err
	}
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		s, part := strs(a[0]), strs(a[1])
		var key kernel.Strs
		if len(a) > 2 {
			key = strs(a[2])
		}
		return toStrings(t, n, kernel.Valid(n, a...), s.Size(n), func(i int, dst []byte) ([]byte, bool) {
			v, ok := urlPart(s.At(i), part.At(i))
			if len(a) == 2 || !ok {
				return append(dst, v...), ok
			}
			if part.At(i) != "QUERY" {
				return dst, false
			}
			for v != "" {
				var pair string
				pair, v, _ = strings.Cut(v, "&")
				if k, val, ok := strings.Cut(pair, "="); ok && k == key.At(i) {
					return append(dst, val...), true
				}
			}
			return dst, false
		}), nil
	}, nil
}

// uuid is a random UUID of version 4 for each row.
func uuid(b *binding) (impl, error) {
	b.vary = true
	t := b.out()
	return func(e *env, n int, a []kernel.Vec) (arrow.Array, error) {
		return toStrings(t, n, nil, 36*n, func(_ int, dst []byte) ([]byte, bool) {
			hi, lo := rand.Uint64()&^0xf000|0x4000, rand.Uint64()&^(3<<62)|1<<63
			for k := 0; k < 32; k++ {
				if k == 8 || k == 12 || k == 16 || k == 20 {
					dst = append(dst, '-')
				}
				x := hi
				if k >= 16 {
					x = lo
				}
				dst = append(dst, "0123456789abcdef"[x>>(60-4*(k%16))&15])
			}
			return dst, true
		}), nil
	}, nil
}
