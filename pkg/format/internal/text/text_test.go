package text

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/decimal128"
)

func TestDates(t *testing.T) {
	for d := -800_000; d < 3_000_000; d += 331 { // to before year 0 and beyond 9999
		want := time.Unix(int64(d)*86400, 0).UTC()
		if y, m, day := civil(int64(d)); y != want.Year() || m != int(want.Month()) || day != want.Day() || Days(y, m, day) != int64(d) {
			t.Fatalf("day %d: %d-%d-%d, want %s", d, y, m, day, want)
		}
	}
}

func TestTimestamp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		us := r.Int64N(8e15) - 4e15
		for _, std := range []Standard{SQL, ISO} {
			s := AppendTimestamp(nil, us, std, true)
			if got, err := Timestamp(s, std, true); err != nil || got != us {
				t.Fatalf("%s: %d %v, want %d", s, got, err, us)
			}
		}
	}
	if Cut(-1, 3) != -1000 || Cut(1999, 3) != 1000 || Cut(-1, 0) != -1_000_000 || Cut(7, 6) != 7 {
		t.Error("Cut does not go toward the past")
	}
}

// TestDecimal compares with exact rational arithmetic.
func TestDecimal(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		s := []byte{}
		if r.IntN(2) == 0 {
			s = append(s, '-')
		}
		for range 1 + r.IntN(20) {
			s = append(s, byte('0'+r.IntN(10)))
		}
		if r.IntN(2) == 0 {
			s = append(s, '.')
			for range 1 + r.IntN(25) {
				s = append(s, byte('0'+r.IntN(10)))
			}
		}
		if r.IntN(4) == 0 {
			s = append(s, 'e', '-', byte('1'+r.IntN(9)))
		}
		p, scale := 1+r.IntN(38), 0
		scale = r.IntN(p + 1)
		x, ok := new(big.Rat).SetString(string(s))
		if !ok {
			t.Fatal(string(s))
		}
		neg := x.Sign() < 0
		x.Abs(x)
		x.Mul(x, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
		x.Add(x, big.NewRat(1, 2)) // half up
		want := new(big.Int).Quo(x.Num(), x.Denom())
		fits := want.Cmp(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(p)), nil)) < 0
		if neg {
			want.Neg(want)
		}
		got, err := Decimal(s, p, scale)
		if fits != (err == nil) || fits && got.BigInt().Cmp(want) != 0 {
			t.Fatalf("%s as DECIMAL(%d, %d): %s %v, want %s", s, p, scale, got.BigInt(), err, want)
		}
		if fits {
			if again, err := Decimal(AppendDecimal(nil, got, scale, r.IntN(2) == 0), p, scale); err != nil || again != got {
				t.Fatalf("%s is printed as %s", got.ToString(int32(scale)), AppendDecimal(nil, got, scale, false))
			}
		}
	}
	for _, bad := range []string{"", "-", ".", "1.2.3", "1e", "e5", "0x1", "1 "} {
		if _, err := Decimal([]byte(bad), 10, 2); err == nil {
			t.Errorf("%q is no error", bad)
		}
	}
}

func TestPrint(t *testing.T) {
	for in, want := range map[float64]string{0: "0.0", 1: "1.0", -1.5: "-1.5", 1e7: "1.0E7", 9999999: "9999999.0", 0.001: "0.001", 0.0009: "9.0E-4", 1.25e-300: "1.25E-300"} {
		if got := string(AppendFloat(nil, in, 64)); got != want {
			t.Errorf("%g: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[int64]string{0: "0E-9", 27: "2.7E-8", 1000: "0.000001000", 999: "9.99E-7", -5_000_000_000: "-5.000000000"} {
		if got := string(AppendDecimal(nil, decimal128.FromI64(in), 9, false)); got != want {
			t.Errorf("%d: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[int64]string{0: "1970-01-01", 2932897: "+10000-01-01"} {
		if got := string(AppendDate(nil, in)); got != want {
			t.Errorf("%d: %s, want %s", in, got, want)
		}
	}
}
