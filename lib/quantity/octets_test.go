package quantity

import "testing"

func TestOctetsText(t *testing.T) {
	for in, want := range map[string]Octets{"0": 0, "4096": 4096, "4KiB": 4096, "10 MiB": 10 << 20, "2GiB": 2 << 30} {
		var o Octets
		if err := o.UnmarshalText([]byte(in)); err != nil || o != want {
			t.Errorf("%s: %d, %v", in, o, err)
		}
	}
	for in, want := range map[Octets]string{0: "0", 1: "1", 1024: "1KiB", 1025: "1025", 100 << 20: "100MiB", 1 << 30: "1GiB"} {
		if in.String() != want {
			t.Errorf("%d prints as %s, want %s", int64(in), in, want)
		}
	}
	for _, in := range []string{"", "-1", "1MB", "MiB", "9999999999GiB", "99999999999999999999", "1.5MiB"} {
		var o Octets
		if o.UnmarshalText([]byte(in)) == nil {
			t.Errorf("%q is taken as %d", in, o)
		}
	}
}
