package expand

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/channel/channeltest"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// scheduler is the other end of an expand channel.
type scheduler struct {
	*channeltest.Scheduler
	last spool.Ref // whose lease was the last
	text string    // of the configuration
	dir  string    // where its paths begin

	channel *Channel // to be looked at after its hello, and between jobs
}

// start runs an expand channel with the list staff in a spool of its own.
func start(t testing.TB, list string) *scheduler {
	t.Helper()
	text := string(tableconf.Default("MTA-A", tableconf.Options{})) + "\n[[list]]\naddress = \"" + staff + "\"\n" + members + "\n" + list
	s := &scheduler{text: text, dir: t.TempDir()}
	cfg, err := tableconf.Parse([]byte(text), "mta.toml", s.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.Scheduler = channeltest.Start(t, cfg, "expand", func(h *channel.Host, c *conf.Config) (channel.Kind, error) {
		kind, err := New(h, c, func() time.Time { return noon })
		s.channel = kind.(*Channel)
		return kind, err
	})
	return s
}

// put writes what is to be expanded into the spool.
func (s *scheduler) put(sub *subject, content []byte) spool.Ref {
	s.T.Helper()
	return s.Put(sub.env, content, noon)
}

// job gives the lease of a recipient, answers a commit if one comes, and returns it and
// the outcome.
func (s *scheduler) job(ref spool.Ref, answer channel.Line) (commit *spool.Envelope, r channel.Result) {
	s.T.Helper()
	number := s.Job(ref, 1)
	l := s.Receive()
	if l.Type == channel.TypeCommit {
		commit = (*spool.Envelope)(l.Envelope)
		answer.Txn = l.Txn
		s.Send(answer)
		l = s.Receive()
	}
	if l.Type != channel.TypeOutcome || l.Job != number || len(l.Results) != 1 || l.Results[0].N != 1 {
		s.T.Fatalf("%+v", l)
	}
	return commit, l.Results[0]
}

// The child is there, whole and with the content of its parent, before it is named; a
// second lease finds it, and one that was refused leaves nothing.
func TestChildIsCommittedBeforeItIsNamed(t *testing.T) {
	s := start(t, "")
	content := bytes.Repeat([]byte("octets "), 20000)
	ref := s.put(aMessage(t), content)
	commit, r := s.job(ref, channel.Line{Type: channel.TypeRefused, Text: "no space left"})
	if commit == nil || r.Outcome != channel.OutcomeDeferred || r.Child != "" {
		t.Fatalf("%+v, %+v", commit, r)
	}
	child := spool.Ref{ID: commit.ID, Priority: commit.Priority}
	if found, err := s.Spool.Find(string(child.ID)); err != nil || len(found) > 0 {
		t.Errorf("a refused child is left: %v, %v", found, err)
	}
	for range 2 {
		commit, r = s.job(ref, channel.Line{Type: channel.TypeDurable})
		if commit == nil || commit.ID != child.ID || r.Outcome != channel.OutcomeExpanded || r.Child != child.ID {
			t.Fatalf("%+v, %+v", commit, r)
		}
		if commit.Parent != ref.ID || commit.Step != "expand" || len(commit.ParentRecipients) != 1 || commit.ParentRecipients[0] != 1 || len(commit.Recipients) != 3 {
			t.Errorf("%+v", commit)
		}
	}
	m, err := s.Spool.OpenMessage(child)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	got, err := io.ReadAll(m.Content())
	if err != nil || !bytes.Equal(got, content) || m.VerifyContent() != nil {
		t.Errorf("%d octets of content, %v, %v", len(got), err, m.VerifyContent())
	}
}

// aReport is one to staff on a member, with what it says of who sent and expanded the
// message.
func aReport(t *testing.T, history ...string) *subject {
	t.Helper()
	bravo := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "BRAVO"})
	r := &mts.Report{}
	r.Envelope = mts.ReportTransferEnvelope{ReportIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: bravo, LocalIdentifier: "R.1"},
		ReportDestinationName: name(t, staff), TraceInformation: mts.AppendTrace(nil, bravo, noon)}
	var all []mts.OriginatorAndDLExpansion
	for _, h := range history {
		all = append(all, mts.OriginatorAndDLExpansion{OriginatorOrDLName: name(t, h), OriginationOrExpansionTime: "261127110000Z"})
	}
	if len(all) > 0 {
		r.Envelope.Extensions = []mts.ExtensionField{ext(t, mts.ExtOriginatorAndDLExpansionHistory, all)}
	}
	r.Content.SubjectIdentifier = r.Envelope.ReportIdentifier
	r.Content.PerRecipientFields = []mts.PerRecipientReportTransferFields{{ActualRecipientName: name(t, abroad), OriginallySpecifiedRecipientNumber: 1,
		PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportNonDelivery, mts.ReportNone),
		LastTraceInformation:   mts.LastTraceInformation{ArrivalTime: "261127110000Z", ReportType: mts.NewNonDelivery(1, 0)}}}
	raw, err := p1.EncodeReport(r)
	if err != nil {
		t.Fatal(err)
	}
	return subjectFrom(t, raw, spool.KindReport, staff)
}

const gone = "/S=Nobody/PRMD=ALPHA/ADMD=TEST/C=GB/"

// A report that a list cannot send on ends there: there is nobody to tell, and nothing to
// wait for.
func TestReportThatCannotGoOnEnds(t *testing.T) {
	s := start(t, "owner = \""+gone+"\"\nreports = \"owner\"")
	commit, result := s.job(s.put(aReport(t, abroad, staff), nil), channel.Line{Type: channel.TypeDurable})
	if commit != nil || result.Outcome != channel.OutcomeMoved || result.Child != "" || result.Text == "" {
		t.Errorf("%+v, %+v", commit, result)
	}
}

// Where it is for two, the owner has it even if nobody else can.
func TestReportForTheOwnerAlone(t *testing.T) {
	s := start(t, "owner = \""+ann+"\"\nreports = \"both\"")
	commit, result := s.job(s.put(aReport(t, gone, staff), nil), channel.Line{Type: channel.TypeDurable})
	if commit == nil || result.Outcome != channel.OutcomeMoved || result.Child != commit.ID {
		t.Fatalf("%+v, %+v", commit, result)
	}
	if to := commit.Recipients; len(to) != 1 || to[0].Address != ann {
		t.Errorf("%+v", to)
	}
}

// many is a message that names a list, or users who have left, several times.
func (s *scheduler) many(m *subject, to string, times int) []channel.Result {
	s.T.Helper()
	f := m.common.Recipients[0]
	f.RecipientName = name(s.T, to)
	env := &mts.MessageTransferEnvelope{MessageIdentifier: m.common.Identifier, OriginatorName: m.common.Originator, ContentType: m.common.ContentType,
		PerMessageIndicators: m.common.Indicators}
	job, addresses := []int{}, []string{}
	for i := range times {
		f.OriginallySpecifiedRecipientNumber = i + 1
		env.PerRecipientFields, job, addresses = append(env.PerRecipientFields, f), append(job, i+1), append(addresses, to)
	}
	raw, err := p1.EncodeMessageEnvelope(env)
	if err != nil {
		s.T.Fatal(err)
	}
	return s.lease(s.put(subjectFrom(s.T, raw, spool.KindMessage, addresses...), make([]byte, 1000)), job)
}

// lease gives some recipients of a message, and collects their outcomes.
func (s *scheduler) lease(ref spool.Ref, job []int) []channel.Result {
	s.T.Helper()
	s.last = ref
	s.Job(ref, job...)
	var all []channel.Result
	for len(all) < len(job) {
		l := s.Receive()
		if l.Type == channel.TypeCommit {
			s.Send(channel.Line{Type: channel.TypeDurable, Txn: l.Txn})
			continue
		}
		if n := len(l.Results); n == 0 || n > piece {
			s.T.Fatalf("%d outcomes are told together", n)
		}
		all = append(all, l.Results...)
	}
	return all
}

// What has been done for a message to many is told before all of it is done.
func TestOutcomesInPieces(t *testing.T) {
	s := start(t, "")
	m := aMessage(t)
	m.common.Recipients[0].Extensions = []mts.ExtensionField{ext(t, mts.ExtOriginatorRequestedAlternateRecipient, name(t, abroad))}
	for _, times := range []int{piece, 2*piece + 1} {
		for i, r := range s.many(m, "/S=Nobody/PRMD=ALPHA/ADMD=TEST/C=GB/", times) {
			if r.N != i+1 || r.Child == "" {
				t.Errorf("%+v", r)
			}
		}
	}
}

// A list that a message names more than once is expanded once.
func TestListNamedTwice(t *testing.T) {
	s := start(t, "")
	r := s.many(aMessage(t), staff, 3)
	if len(r) != 3 || r[0].Child == "" {
		t.Fatalf("%+v", r)
	}
	for i := range r {
		if r[i].N != i+1 || r[i].Outcome != channel.OutcomeExpanded || i > 0 && r[i].Child != "" {
			t.Errorf("%+v", r[i])
		}
	}
}

// So it is by a second lease, when the first ended before it had told of everybody.
func TestListNamedTwiceInTwoLeases(t *testing.T) {
	s := start(t, "")
	lock, err := s.Spool.Lock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close() })
	first := s.many(aMessage(t), staff, 3)[0]
	record := spool.Record{Time: noon, Kind: spool.RecordChild, Recipients: []int{1}, Child: first.Child, Step: "expand"}
	if err := s.Spool.Append(s.last, record); err != nil {
		t.Fatal(err)
	}
	r := s.lease(s.last, []int{2, 3})
	for i := range r {
		if r[i].N != i+2 || r[i].Outcome != channel.OutcomeExpanded || r[i].Child != "" {
			t.Errorf("%+v", r[i])
		}
	}
}

// What one job copies is bounded: a message to many who all have alternates does not fill
// the disk at once.
func TestCopiesAreBounded(t *testing.T) {
	s := start(t, "")
	s.channel.most = 2000
	m := aMessage(t)
	m.common.Recipients[0].Extensions = []mts.ExtensionField{ext(t, mts.ExtOriginatorRequestedAlternateRecipient, name(t, abroad))}
	made := 0
	for _, r := range s.many(m, "/S=Nobody/PRMD=ALPHA/ADMD=TEST/C=GB/", 10) {
		switch {
		case r.Outcome == channel.OutcomeRedirected && r.Child != "":
			made++
		case r.Outcome != channel.OutcomeDeferred || !r.Until.After(noon):
			t.Errorf("%+v", r)
		}
	}
	if made != 2 {
		t.Errorf("%d children of 1000 octets and an envelope, where one job may copy 2000", made)
	}
}

// What another process has begun, and is still at, is waited for.
func TestHalfAChildIsWaitedFor(t *testing.T) {
	s := start(t, "")
	ref := s.put(aMessage(t), []byte("content"))
	w, err := s.Spool.CreateInPlace(spool.Ref{ID: spool.ChildID(ref.ID, "expand", []int{1}), Priority: spool.Normal})
	if err != nil {
		t.Fatal(err)
	}
	if commit, r := s.job(ref, channel.Line{Type: channel.TypeDurable}); commit != nil || r.Outcome != channel.OutcomeDeferred {
		t.Errorf("%+v, %+v", commit, r)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if commit, r := s.job(ref, channel.Line{Type: channel.TypeDurable}); commit == nil || r.Outcome != channel.OutcomeExpanded {
		t.Errorf("%+v, %+v", commit, r)
	}
}

// A list that a message names by two addresses, which a routing tree has led to it, is expanded once.
func TestListByAliases(t *testing.T) {
	s := start(t, "")
	text := strings.Replace(s.text, "[identity]", "[identity]\ntrees = [\"o=Public\"]", 1)
	cfg, err := tableconf.Parse([]byte(text), "mta.toml", s.dir)
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Send(channel.Line{Type: channel.TypeConfig, Config: config})
	node := conf.NewNode()
	node.Tree = "o=Public"
	skeletal := node
	node.At, node.UA, node.Supporting = staff, true, []conf.MTAInfo{{Name: "MTA-A", Weight: 5}}
	sub := aMessage(t)
	sub.env.Recipients = nil
	m, err := p1.DecodeMessageEnvelope(sub.env.Wire, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	field := m.PerRecipientFields[0]
	m.PerRecipientFields = nil
	for i, at := range []string{"/CN=One/PRMD=ALPHA/ADMD=TEST/C=GB/", "/CN=Two/PRMD=ALPHA/ADMD=TEST/C=GB/"} {
		field.RecipientName, field.OriginallySpecifiedRecipientNumber = name(t, at), i+1
		m.PerRecipientFields = append(m.PerRecipientFields, field)
		sub.env.Recipients = append(sub.env.Recipients, spool.Recipient{N: i + 1, Address: at})
	}
	if sub.env.Wire, err = p1.EncodeMessageEnvelope(m); err != nil {
		t.Fatal(err)
	}
	ref := s.put(sub, []byte("octets"))
	s.Send(channel.Line{Type: channel.TypeJob, Job: 1, Ref: &ref, Recipients: []int{1, 2}})
	commits := 0
	for {
		switch l := s.Receive(); l.Type {
		case channel.TypeLook:
			// Root, country, ADMD and PRMD say nothing; the names are aliases, and their entry is there.
			nodes := []conf.Node{skeletal, skeletal, skeletal, skeletal, node}
			for i, at := range []string{"", "/C=GB/", "/ADMD=TEST/C=GB/", "/PRMD=ALPHA/ADMD=TEST/C=GB/"} {
				nodes[i].At = at
			}
			if !strings.Contains(l.Names[0], "Staff") {
				alias := skeletal
				alias.At, alias.Alias = "/CN="+l.Names[0]+"/", conf.NodeName{Tree: node.Tree, At: staff}
				nodes[4] = alias
			}
			s.Send(channel.Line{Type: channel.TypeLooked, Txn: l.Txn, Nodes: nodes})
		case channel.TypeCommit:
			commits++
			s.Send(channel.Line{Type: channel.TypeDurable, Txn: l.Txn})
		case channel.TypeOutcome:
			if len(l.Results) != 2 || l.Results[0].Outcome != channel.OutcomeExpanded || l.Results[0].Child == "" || l.Results[1].Outcome != channel.OutcomeExpanded || l.Results[1].Child != "" || commits != 1 {
				t.Errorf("%d children, %+v", commits, l.Results)
			}
			return
		default:
			t.Fatalf("%+v", l)
		}
	}
}
