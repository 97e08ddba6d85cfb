package main

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSafeName(t *testing.T) {
	for theirs, want := range map[string]string{
		"notes.txt":          "notes.txt",
		"../../etc/passwd":   "passwd",
		`C:\WINDOWS\WIN.INI`: "WIN.INI",
		"/":                  "",
		"..":                 "",
		"a/..":               "",
		". .":                "",
		"":                   "",
		".bashrc":            "_bashrc",
		"-rf":                "_rf",
		"a\x00b\x1b[31m\nc":  "a_b_[31m_c",
		"Grüße 世界.doc":       "Grüße 世界.doc",
		"\u202etxt.exe":      "_txt.exe",
		"bad\xff":            "bad_",
		"NUL:stream":         "NUL_stream",
		"  spaced  ":         "spaced",
		"a/b\\c":             "c",
	} {
		if got := safeName(theirs); got != want {
			t.Errorf("%q: %q, want %q", theirs, got, want)
		}
	}
	long := safeName(strings.Repeat("é", 300) + ".text")
	if len(long) > maxName || !strings.HasSuffix(long, "é.text") || !utf8.ValidString(long) {
		t.Errorf("%d octets: %q", len(long), long)
	}
	if got := safeName(strings.Repeat("x", 10) + "." + strings.Repeat("y", 300)); len(got) > maxName {
		t.Errorf("%d octets", len(got))
	}
}

// FuzzSafeName: whatever somebody calls a file, it is in the directory, under a name
// that a file system takes.
func FuzzSafeName(f *testing.F) {
	f.Add("../x")
	f.Add(strings.Repeat("\xff", 500) + "." + strings.Repeat("世", 99))
	f.Fuzz(func(t *testing.T, theirs string) {
		name := safeName(theirs)
		if name == "" {
			return
		}
		if filepath.Dir(filepath.Join("dir", name)) != "dir" || name == "." || name == ".." || len(name) > 255 ||
			!utf8.ValidString(name) || strings.ContainsAny(name, "\x00/\\\n") || name[0] == '.' || name[0] == '-' {
			t.Errorf("%q: %q", theirs, name)
		}
	})
}
