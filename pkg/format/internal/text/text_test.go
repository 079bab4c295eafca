package text

import (
	"fmt"
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
	for in, want := range map[int64]string{0: "0", 27: "2.7E-8", 1000: "0.000001", 999: "9.99E-7", -5_000_000_000: "-5", 120_000_000_000: "1.2E+2", 5_100_000_000: "5.1"} {
		if got := string(AppendDecimal(nil, decimal128.FromI64(in), 9, false)); got != want {
			t.Errorf("%d: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[int64]string{100: "100", 5: "5", 1200: "1200"} {
		if got := string(AppendDecimal(nil, decimal128.FromI64(in*100), 2, true)); got != want {
			t.Errorf("%d: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[int64]string{0: "1970-01-01", 2932897: "+10000-01-01"} {
		if got := string(AppendDate(nil, in)); got != want {
			t.Errorf("%d: %s, want %s", in, got, want)
		}
	}
}

// TestReadAsFlink has what Flink 1.20 reads and does not read.
func TestReadAsFlink(t *testing.T) {
	for in, want := range map[string]string{"1d": "1", "1.5F": "1.5", "0x1p3": "8", "0x1p3d": "8", "-Infinity": "-Inf", "NaN": "NaN", "+.5": "0.5", "inf": "err", "nan": "err", "Infinityf": "err", "0x1": "err", "1_0": "err", "": "err", "-": "err", "d": "err", "1e": "err", "1ff": "err"} {
		v, err := Float([]byte(in), 64)
		if got := fmt.Sprint(v); err == nil && got != want || err != nil && want != "err" {
			t.Errorf("%s: %s %v, want %s", in, got, err, want)
		}
	}
	for in, want := range map[string]string{"2024-02-30": "err", "+12024-01-31": "+12024-01-31", "-0001-12-31": "-0001-12-31", "0000-01-01": "0000-01-01", "10000-01-01": "err", "+2024-01-01": "err", "2024-1-31": "err", "+999999999-01-01": "err"} {
		d, err := Date([]byte(in))
		if got := string(AppendDate(nil, int64(d))); err == nil && got != want || err != nil && want != "err" {
			t.Errorf("%s: %s %v, want %s", in, got, err, want)
		}
	}
	for in, want := range map[string]string{"2024-1-31": "2024-01-31", "2024-02-30": "2024-03-01", "2024-12-5": "2024-12-05", "2024-13-01": "err", "2024-01-31 ": "err", "2024-01-32": "err", "2024-1-": "err", "24-01-01": "err"} {
		d, err := SQLDate([]byte(in))
		if got := string(AppendDate(nil, int64(d))); err == nil && got != want || err != nil && want != "err" {
			t.Errorf("%s: %s %v, want %s", in, got, err, want)
		}
	}
	for _, c := range []struct {
		std      Standard
		ltz      bool
		in, want string
	}{
		{SQL, false, "2024-02-30 00:00:00", "2024-02-29 00:00:00"},
		{SQL, false, "2024-01-31 24:00:00", "2024-02-01 00:00:00"},
		{SQL, false, "2024-04-31 24:00:00.000", "2024-05-01 00:00:00"},
		{SQL, false, "2024-01-31 12:30", "err"},
		{SQL, false, "2024-02-28 00:00:00.", "2024-02-28 00:00:00"},
		{SQL, false, "2024-02-32 00:00:00", "err"},
		{SQL, false, "+10000-01-01 00:00:00", "+10000-01-01 00:00:00"},
		{SQL, true, "2023-02-29 00:00:00Z", "2023-02-28 00:00:00"},
		{SQL, true, "2024-02-29 24:00:00.1Z", "err"},
		{SQL, true, "2024-02-29 12:00:00.1234567891Z", "err"},
		{SQL, false, "+999999-01-01 00:00:00", "err"},
		{ISO, false, "2024-02-30T00:00:00", "err"},
		{ISO, false, "2024-02-28T12:30", "2024-02-28 12:30:00"},
		{ISO, false, "2024-02-28t12:30:00", "2024-02-28 12:30:00"},
		{ISO, false, "2024-02-28T24:00:00", "err"},
		{ISO, true, "2023-02-29T00:00:00Z", "2023-02-28 00:00:00"},
		{ISO, true, "2023-02-28T12:30Z", "2023-02-28 12:30:00"},
		{ISO, true, "2023-02-28t12:30:00Z", "err"},
	} {
		us, err := Timestamp([]byte(c.in), c.std, c.ltz)
		if got := string(AppendTimestamp(nil, us, SQL, false)); err == nil && got != c.want || err != nil && c.want != "err" {
			t.Errorf("%s: %s %v, want %s", c.in, got, err, c.want)
		}
	}
	for in, want := range map[string]string{"24:00:00": "00:00:00", "12:30": "err", "23:59:60": "err", "00:00:00.": "00:00:00", "1:00:00": "err"} {
		us, err := TimeOfDay([]byte(in))
		if got := string(AppendTime(nil, us)); err == nil && got != want || err != nil && want != "err" {
			t.Errorf("%s: %s %v, want %s", in, got, err, want)
		}
	}
}
