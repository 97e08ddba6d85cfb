package tableconf

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

// Where the spool is can be told while the rest of the file is wrong.
func TestSpoolDirOfAWrongFile(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ text, want string }{
		{"", "spool"},
		{small, "spool"},
		{"[spool]\ndir = \"/var/spool/mta\"\nnonsense = 1\n", "/var/spool/mta"},
		{"[spool]\r\ndir = 'queue' # here\r\n[peer\r\n", "queue"},
		{"]]\n= 3\n[limits]\nrecipients = \n[spool]\nbarrier = \ndir = \"queue\"\n", "queue"},
		{"spool.dir = \"queue\"\n\"", "queue"},
		{"spool = { barrier = \"x\", dir = \"queue\" }\nspool = 1\n", "queue"},
		{"[peer]\ndir = \"elsewhere\"\n[spool]\nx = '''\n[spool]\ndir = \"elsewhere\"\n'''\n", "spool"},
		{"[spool]\ndir = 4\n", "?"},
		{"[spool]\ndir = \"queue\n", "?"},
		{"[spool]\ndir = \"\"\n", "?"},
	} {
		path := filepath.Join(dir, "mta.toml")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		want := c.want
		if !filepath.IsAbs(want) {
			want = filepath.Join(dir, want)
		}
		got, err := SpoolDir(path)
		if c.want == "?" {
			if diag.KindOf(err) != diag.Config {
				t.Errorf("%q: %s, %v", c.text, got, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", c.text, got, err, want)
		}
	}
	if _, err := SpoolDir(filepath.Join(dir, "none")); diag.KindOf(err) != diag.NoInput {
		t.Errorf("a file that is not there: %v", err)
	}
}
