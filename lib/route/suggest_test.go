package route

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// Of an address that there is not, others that have a way are told, to whoever asks for that; the
// decisions of others have nothing of it.
func TestSection22_4_Advise(t *testing.T) {
	_, cfg := grown(t)
	for i := range cfg.Nodes {
		if n := &cfg.Nodes[i]; n.Tree == "hub" || strings.HasPrefix(n.At, "/O=Closed/") || strings.HasPrefix(n.At, "/O=Full/") {
			n.SearchPoints = []conf.NodeName{{Tree: conf.Tables}}
		}
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"/S=Postmastre/PRMD=ALPHA/ADMD=TEST/C=GB/":          "no such user, try /S=Postmaster/PRMD=ALPHA/ADMD=TEST/C=GB/",
		"/S=Postmastre/O=Closed/PRMD=ALPHA/ADMD=TEST/C=GB/": "no such user, try /S=Postmaster/PRMD=ALPHA/ADMD=TEST/C=GB/",
		"/CN=Staf/O=Full/PRMD=ECHO/ADMD=TEST/C=GB/":         "no such address, try /CN=Staff/PRMD=HOSTED/ADMD=TEST/C=GB/",
		"/S=Nobody/PRMD=ALPHA/ADMD=TEST/C=GB/":              "no such user",
		"/S=Postmaster/PRMD=SHUT/ADMD=TEST/C=GB/":           "no such user", // says a route
	} {
		q := Query{Address: address(t, text)}
		if got := r.Advise(q).Fail.Told(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if d := r.Decide(q); len(d.Fail.Alternatives) > 0 {
			t.Errorf("%s: %+v", text, d.Fail)
		}
		if diff := cmp.Diff(r.Explain(q).Decision, r.Advise(q)); diff != "" {
			t.Error(diff)
		}
	}
	if d := r.Advise(Query{Address: address(t, "/S=Any/ADMD=X/C=FR/")}); d.Fail != nil {
		t.Error(d)
	}
}

func TestRefusedWithAlternatives(t *testing.T) {
	err := Refused("/S=X/C=GB/", NoUser, []string{"/S=Y/C=GB/", "/S=Z/C=GB/"})
	if diag.KindOf(err) != diag.NoUser || diag.HintOf(err) != "did you mean /S=Y/C=GB/, or /S=Z/C=GB/?" {
		t.Errorf("%v, hint %q", err, diag.HintOf(err))
	}
	if got := Try("no", []string{"a", "b", "c"}); got != "no, try a, b or c" {
		t.Error(got)
	}
}
