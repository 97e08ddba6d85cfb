package secure

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/channel/channeltest"
	"github.com/mtakit/mtakit/lib/cms"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// scheduler is the other end of a secure channel.
type scheduler struct {
	*channeltest.Scheduler
	dir    string // of the key and its certificate, gate.key and gate.pem
	events []audit.Record
	answer channel.Line // to commits
}

// gate writes a key and its certificate, which is its own root.
func gate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Gate"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"gate.pem": {Type: "CERTIFICATE", Bytes: der}, "gate.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const more = `
[[channel]]
name = "secure"
kind = "secure"
[[peer]]
name = "MTA-B"
addresses = [{ host = "192.0.2.1" }]
[[peer]]
name = "MTA-C"
addresses = [{ host = "192.0.2.2" }]
[[route]]
match = "/PRMD=BRAVO/ADMD=TEST/C=GB/"
peers = ["MTA-B"]
[[route]]
match = "/PRMD=CHARLIE/ADMD=TEST/C=GB/"
peers = ["MTA-C"]
[security]
roots = ["gate.pem"]
max-signed-size = 5000
[[step]]
name = "sign"
channel = "secure"
certificate = "gate.pem"
key = "gate.key"
[[step]]
name = "strip"
channel = "secure"
strip = true
`

// start runs a secure channel in a spool of its own.
func start(t *testing.T) *scheduler {
	t.Helper()
	s := &scheduler{dir: t.TempDir(), answer: channel.Line{Type: channel.TypeDurable}}
	gate(t, s.dir)
	s.Scheduler = channeltest.Start(t, s.config(t), "secure", func(h *channel.Host, c *conf.Config) (channel.Kind, error) {
		return New(h, c, time.Now)
	})
	return s
}

func (s *scheduler) config(t *testing.T) *conf.Config {
	t.Helper()
	cfg, err := tableconf.Parse([]byte(string(tableconf.Default("MTA-A", tableconf.Options{}))+more), "mta.toml", s.dir)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// recipient is one of a message, for whom a step is required.
type recipient struct{ prmd, step string }

// put writes a message into the spool.
func (s *scheduler) put(content []byte, to ...recipient) spool.Ref {
	s.T.Helper()
	domain := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"})
	e := &mts.MessageTransferEnvelope{MessageIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: domain, LocalIdentifier: "1"},
		ContentType: mts.NewContentType(mts.InterpersonalMessaging1988), TraceInformation: mts.AppendTrace(nil, domain, time.Now())}
	env := &spool.Envelope{Kind: spool.KindMessage, ContentType: "p22", Subject: "words"}
	name := func(a oraddr.Address) oraddr.ORName {
		n, err := a.ORName()
		if err != nil {
			s.T.Fatal(err)
		}
		return n
	}
	e.OriginatorName = name(oraddr.Address{C: "GB", ADMD: "TEST", PRMD: "ALPHA", CN: "Ann"})
	for i, r := range to {
		a := oraddr.Address{C: "GB", ADMD: "TEST", PRMD: r.prmd, CN: fmt.Sprint("n", i+1)}
		e.PerRecipientFields = append(e.PerRecipientFields, mts.PerRecipientMessageTransferFields{RecipientName: name(a), OriginallySpecifiedRecipientNumber: i + 1,
			PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportNonDelivery, mts.ReportNone)})
		peer := map[string]string{"BRAVO": "MTA-B", "CHARLIE": "MTA-C"}[r.prmd]
		env.Recipients = append(env.Recipients, spool.Recipient{N: i + 1, Address: a.String(), Require: r.step,
			Hops: []spool.Hop{{Channel: "secure"}}, Then: []spool.Hop{{Channel: "p1", Peer: peer}}})
	}
	var err error
	if env.Wire, err = p1.EncodeMessageEnvelope(e); err != nil {
		s.T.Fatal(err)
	}
	env.Originator = "/CN=Ann/PRMD=ALPHA/ADMD=TEST/C=GB/"
	return s.Put(env, content, time.Now())
}

// job gives a lease, answers the commits that come, and returns them, and the outcomes in the
// order of the recipients.
func (s *scheduler) job(ref spool.Ref, recipients ...int) (commits []*spool.Envelope, results []channel.Result) {
	s.T.Helper()
	s.Job(ref, recipients...)
	for len(results) < len(recipients) {
		switch l := s.Receive(); l.Type {
		case channel.TypeCommit:
			commits = append(commits, (*spool.Envelope)(l.Envelope))
			answer := s.answer
			answer.Txn = l.Txn
			s.Send(answer)
		case channel.TypeEvent:
			var r audit.Record
			if err := json.Unmarshal(l.Event, &r); err != nil {
				s.T.Fatal(err)
			}
			s.events = append(s.events, r)
		case channel.TypeOutcome:
			results = append(results, l.Results...)
		default:
			s.T.Fatalf("%+v", l)
		}
	}
	slices.SortFunc(results, func(a, b channel.Result) int { return a.N - b.N })
	return commits, results
}

// inner is what is signed in a child, with a signature that is valid.
func (s *scheduler) inner(child *spool.Envelope) []byte {
	s.T.Helper()
	m, err := s.Spool.OpenMessage(spool.Ref{ID: child.ID, Priority: child.Priority})
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	octets, err := io.ReadAll(m.Content())
	if err != nil {
		s.T.Fatal(err)
	}
	signed, err := cms.Read(octets, cms.Limits{})
	if err != nil {
		s.T.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "gate.pem"))
	if err != nil {
		s.T.Fatal(err)
	}
	roots, err := cms.ReadCertificates(text)
	if err != nil {
		s.T.Fatal(err)
	}
	if v := signed.Verify(nil, &cms.Options{Roots: roots, Time: time.Now()}, true); !v.Valid {
		s.T.Errorf("%s: %v", child.ID, v.All())
	}
	return signed.Object.Signed.Content
}

// TestShared: recipients for whom the same is required and who may go the same ways share a child,
// which is there before it is named; what cannot be done ends those it is required for, with the
// reason in the log.
func TestShared(t *testing.T) {
	s := start(t)
	content := []byte("any octets")
	ref := s.put(content, recipient{"BRAVO", "sign"}, recipient{"CHARLIE", "sign"}, recipient{"BRAVO", "sign"}, recipient{"BRAVO", "strip"})
	for range 2 { // a second lease finds what the first has made
		s.events = nil
		commits, results := s.job(ref, 1, 2, 3, 4, 9)
		var got []string
		for _, r := range results {
			got = append(got, fmt.Sprint(r.N, " ", r.Outcome, " ", r.Text))
		}
		want := []string{"1 moved sign: it is signed", "2 moved sign: it is signed", "3 moved sign: it is signed", "4 failed the content is not signed", "9 failed no recipient 9"}
		if !slices.Equal(got, want) {
			t.Errorf("%q, not %q", got, want)
		}
		if len(commits) != 2 || results[0].Child != results[2].Child || results[0].Child == results[1].Child {
			t.Fatalf("%d children: %+v", len(commits), results)
		}
		for i, c := range []struct {
			recipients []int
			to         string
		}{{[]int{1, 3}, "MTA-B"}, {[]int{2}, "MTA-C"}} {
			child := commits[i]
			if child.Parent != ref.ID || child.Step != "secure" || !slices.Equal(child.ParentRecipients, c.recipients) || child.Subject != "words" || len(child.Recipients) != len(c.recipients) {
				t.Errorf("%+v", child)
			}
			for _, r := range child.Recipients {
				if r.Hold != "" || !slices.Equal(r.Hops, []spool.Hop{{Channel: "p1", Peer: c.to}}) {
					t.Errorf("%+v", r)
				}
			}
			if got := s.inner(child); !bytes.Equal(got, content) {
				t.Errorf("%q is signed", got)
			}
		}
		if len(s.events) != 1 || s.events[0].Event != audit.Refused || s.events[0].Text != "step strip: the content is not signed" || !slices.Equal(s.events[0].N, []int{4}) {
			t.Errorf("%+v", s.events)
		}
	}
}

// TestManyShare: no more share a child than are told of at once.
func TestManyShare(t *testing.T) {
	s := start(t)
	var to []recipient
	var all []int
	for n := range 2*maxTogether + 1 {
		to, all = append(to, recipient{"BRAVO", "sign"}), append(all, n+1)
	}
	commits, results := s.job(s.put([]byte("octets"), to...), all...)
	if len(commits) != 3 || len(commits[2].ParentRecipients) != 1 {
		t.Errorf("%d children", len(commits))
	}
	for i, r := range results {
		if r.N != i+1 || r.Child != commits[i/maxTogether].ID {
			t.Errorf("%+v", r)
		}
	}
}

// TestTroubleWaits: what is wrong here, a key or the spool, is tried again and leaves nothing; a
// content that is too long for it fails.
func TestTroubleWaits(t *testing.T) {
	s := start(t)
	ref := s.put([]byte("any octets"), recipient{"BRAVO", "sign"})
	s.answer = channel.Line{Type: channel.TypeRefused, Text: "no space left"}
	commits, results := s.job(ref, 1)
	if len(commits) != 1 || results[0].Outcome != channel.OutcomeDeferred || !strings.Contains(results[0].Text, "no space left") {
		t.Fatalf("%+v", results)
	}
	if found, err := s.Spool.Find(string(commits[0].ID)); err != nil || len(found) > 0 {
		t.Errorf("a refused child is left: %v, %v", found, err)
	}
	s.answer = channel.Line{Type: channel.TypeDurable}
	key := filepath.Join(s.dir, "gate.key")
	if _, results = s.job(ref, 1); results[0].Outcome != channel.OutcomeMoved {
		t.Errorf("%+v", results)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	s.Configure(s.config(t))
	if _, results = s.job(ref, 1); results[0].Outcome != channel.OutcomeDeferred || !strings.HasPrefix(results[0].Text, "[[step]] sign: open ") {
		t.Errorf("%+v", results)
	}
	long := s.put(make([]byte, 5001), recipient{"BRAVO", "strip"})
	if _, results = s.job(long, 1); results[0].Outcome != channel.OutcomeFailed || results[0].Diagnostic != int(mts.ContentTooLong) {
		t.Errorf("%+v", results)
	}
	if _, results = s.job(spool.Ref{ID: spool.NewID(time.Now()), Priority: spool.Normal}, 1); results[0].Outcome != channel.OutcomeDeferred {
		t.Errorf("%+v", results)
	}
}
