package durable

import "testing"

func TestTells(t *testing.T) {
	for release, want := range map[string]bool{
		"4.18.0-553.el8_10.x86_64": false,
		"5.4.0-42-generic":         false,
		"5.7.19":                   false,
		"5.8.0":                    true,
		"5.10-arm64":               true,
		"6.18.44":                  true,
		"10.0":                     true,
		"":                         false,
		"rolling":                  false,
	} {
		if tells(release) != want {
			t.Errorf("%q: %v", release, !want)
		}
	}
}
