package rtse

import (
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/presentation"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// request carries out a request of the machine: the mapping of X.228 §8.
func (n *lower) request(a action) output {
	n.begin()
	var err error
	switch a := a.(type) {
	case lowOpen:
		err = n.mode.open(a)
	case lowAccept:
		err = n.mode.accept(a)
	case lowRefuse:
		err = n.mode.refuse(a)
	case lowStart:
		n.toPres(presentation.PActivityStartRequest(a))
	case lowResume:
		n.toPres(presentation.PActivityResumeRequest{Activity: a.Activity, OldActivity: a.Old, Serial: a.Serial, OldConnection: a.Connection})
	case lowData:
		n.toPres(n.mode.rttr(a))
	case lowSync:
		n.toPres(presentation.PSyncMinorRequest{Type: session.SyncExplicit})
	case lowSyncAck:
		n.toPres(presentation.PSyncMinorResponse(a))
	case lowEnd:
		n.toPres(presentation.PActivityEndRequest{})
	case lowEndAck:
		n.toPres(presentation.PActivityEndResponse{})
	case lowDiscard:
		n.toPres(presentation.PActivityDiscardRequest(a))
	case lowDiscardAck:
		n.toPres(presentation.PActivityDiscardResponse{})
	case lowInterrupt:
		n.toPres(presentation.PActivityInterruptRequest(a))
	case lowInterruptAck:
		n.toPres(presentation.PActivityInterruptResponse{})
	case lowException:
		n.toPres(presentation.PUExceptionReportRequest(a))
	case lowPlease:
		err = n.please(a)
	case lowGive:
		n.toPres(presentation.PControlGiveRequest{})
	case lowRelease:
		n.mode.release()
	case lowReleaseAck:
		n.mode.releaseAck()
	case lowAbort:
		err = n.mode.abort(a)
	default:
		err = fmt.Errorf("%T is no request", a)
	}
	if err != nil {
		n.up(upError{err})
	}
	n.run()
	n.askForTurn()
	return n.out
}

// please is RTTP in a P-TOKEN-PLEASE for the data token.
func (n *lower) please(a lowPlease) error {
	b, err := ber.Marshal(&APDU{RTTP: &a.Priority})
	if err != nil {
		return err
	}
	n.wanted = &presentation.PTokenPleaseRequest{
		Tokens:   session.TokenData,
		UserData: []presentation.PDV{{Context: n.rtse, Octets: b}},
	}
	return nil
}

// askForTurn sends the request for the turn that waits, if session takes it now: it
// does not between giving the tokens and the peer's acknowledgement, nor after an
// exception (X.225 §A, STA 18 and STA 19). The next event brings it here again.
func (n *lower) askForTurn() {
	if n.wanted == nil {
		return
	}
	request := *n.wanted
	n.wanted, n.trying = nil, true
	n.toPres(request)
	n.run()
	if !n.trying {
		n.wanted = &request
	}
	n.trying = false
}

// notNow takes a request that session or presentation does not allow.
func (n *lower) notNow(err error) {
	if n.trying {
		n.trying = false
		return
	}
	n.up(upError{err})
}

// transfer takes the indications of presentation that are the RTPM's own.
func (n *lower) transfer(a presentation.Action) {
	switch a := a.(type) {
	case presentation.PDataIndication:
		n.dataIndication(a)
	case presentation.PSyncMinorIndication:
		n.up(upSync{a.Serial})
	case presentation.PSyncMinorConfirm:
		n.up(upSyncAck{a.Serial})
	case presentation.PActivityStartIndication:
		n.up(upStart{a.Activity})
	case presentation.PActivityResumeIndication:
		n.up(upResume{Activity: a.Session.Activity, Resumption: Resumption{
			Connection: a.Session.OldConnection, Old: a.Session.OldActivity, Serial: a.Session.Serial}})
	case presentation.PActivityEndIndication:
		n.up(upEnd{})
	case presentation.PActivityEndConfirm, presentation.PActivityEndCrossed:
		n.up(upEndAck{})
	case presentation.PActivityInterruptIndication:
		n.up(upInterrupt{a.Reason})
	case presentation.PActivityInterruptConfirm:
		n.up(upInterruptAck{})
	case presentation.PActivityDiscardIndication:
		n.up(upDiscard{a.Reason})
	case presentation.PActivityDiscardConfirm:
		n.up(upDiscardAck{})
	case presentation.PUExceptionReportIndication:
		n.up(upException{a.Reason})
	case presentation.PPExceptionReportIndication:
		n.up(upException{session.ExceptionUnspecified})
	case presentation.PTokenPleaseIndication:
		n.pleaseIndication(a.UserData)
	case presentation.PControlGiveIndication:
		n.wanted = nil
		n.up(upGive{})
	default:
		n.up(upMalformed{fmt.Errorf("%T: not used by reliable transfer", a)})
	}
}

// arriving is the RTTRs that come.
type arriving struct {
	scan ber.Scanner // normal mode: of a presentation data value

	// What a TSDU, or a part of one, has of them, joined. A single piece, as all are that
	// have much to say, is the TSDU's, and not copied.
	octets []byte
	joined []byte // what more than one piece is joined in
	copied bool
	found  bool
	at     int // where in output.up they are to be told
}

// dataIndication takes the RTTRs out of presentation data: each value is one, or several.
func (n *lower) dataIndication(a presentation.PDataIndication) {
	err := fmt.Errorf("data in presentation context %d: want %d", a.Context, n.rtse)
	if a.Context == n.rtse {
		err = n.mode.octets(a)
	}
	if err != nil {
		n.deliver()
		n.up(upMalformed{fmt.Errorf("RTTR: %w", err)})
	}
}

// gather takes octets of RTTRs, which may be none.
func (n *lower) gather(octets []byte) {
	d := &n.data
	switch {
	case !d.found:
		d.found, d.at, d.octets, d.copied = true, len(n.out.up), octets, false
		n.up(upData{})
	case len(octets) == 0:
	case len(d.octets) == 0:
		d.octets = octets
	case !d.copied:
		d.joined, d.copied = append(append(d.joined[:0], d.octets...), octets...), true
		d.octets = d.joined
	default:
		d.joined = append(d.joined, octets...)
		d.octets = d.joined
	}
}

// deliver tells the octets that have been gathered.
func (n *lower) deliver() {
	if d := &n.data; d.found {
		n.out.up[d.at] = upData{d.octets}
		d.found, d.octets = false, nil
	}
}

var errNotRTTR = errors.New("not an OCTET STRING")

// octets takes the contents of OCTET STRINGs, primitive or constructed, which may go on
// with the next part of the value.
func (n *normal) octets(a presentation.PDataIndication) error {
	scan := &n.data.scan
	if a.Enclosure.Begins() {
		scan.Reset()
	}
	for b := a.Octets; ; {
		t, err := scan.Next(b)
		switch {
		case err != nil:
			return err
		case t.Kind == ber.Begin && t.Header.Tag != tagOctetString:
			return fmt.Errorf("at octet %d of the value: %v: %w", t.Header.Offset, t.Header.Tag, errNotRTTR)
		case t.Kind == ber.Begin:
			n.gather(nil)
		case t.Kind == ber.Octets:
			n.gather(b[:t.Size])
		case t.Kind == ber.NeedMore && a.Enclosure.Ends() && !scan.Complete():
			return scan.Truncated()
		case t.Kind == ber.NeedMore:
			return nil
		}
		b = b[t.Size:]
	}
}

// pleaseIndication reads RTTP. A request that comes without counts as priority 0
// (X.218 §9.4.1.1).
func (n *lower) pleaseIndication(data []presentation.PDV) {
	var priority int64
	for _, v := range data {
		if v.Context != n.rtse {
			continue
		}
		if _, err := ber.Unmarshal(v.Octets, &priority, ber.Limits{}); err != nil {
			n.up(upMalformed{fmt.Errorf("RTTP: %w", err)})
			return
		}
	}
	n.up(upPlease{priority})
}
