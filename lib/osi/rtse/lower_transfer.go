package rtse

import (
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
		n.dataIndication(a.UserData)
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

// dataIndication takes the RTTRs out of presentation data, joined: each value is one, or
// several. A single one in one piece, as all are that have much to say, is not copied.
func (n *lower) dataIndication(data []presentation.PDV) {
	var joined []byte
	found := false
	for _, v := range data {
		if v.Context != n.rtse {
			n.up(upMalformed{fmt.Errorf("RTTR: data in presentation context %d: want %d", v.Context, n.rtse)})
			return
		}
		for rest := v.Octets; len(rest) > 0; {
			octets, next, err := n.mode.octets(rest)
			if err != nil {
				n.up(upMalformed{fmt.Errorf("RTTR: at octet %d of the value: %w", len(v.Octets)-len(rest), err)})
				return
			}
			rest, found = next, true
			if len(joined) == 0 {
				// What is appended goes to another array: this one is the TSDU's.
				joined = octets[:len(octets):len(octets)]
			} else {
				joined = append(joined, octets...)
			}
		}
	}
	if found {
		n.up(upData{joined})
	}
}

// octetString reads the OCTET STRING b begins with, without a copy if it is
// primitive and its length takes no more than four octets after the first.
func octetString(b []byte) (octets, rest []byte, err error) {
	if len(b) >= 2 && b[0] == 0x04 && b[1] != 0x80 && b[1] <= 0x84 {
		header, n := 2, uint64(b[1])
		if n > 0x80 {
			header += int(n & 0x7f)
			n = 0
			for _, o := range b[2:min(header, len(b))] {
				n = n<<8 | uint64(o)
			}
		}
		if header <= len(b) && n <= uint64(len(b)-header) {
			end := header + int(n)
			return b[header:end], b[end:], nil
		}
	}
	rest, err = ber.Unmarshal(b, &octets, ber.Limits{Octets: len(b)})
	return octets, rest, err
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
