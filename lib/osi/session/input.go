package session

// inputFor makes the input of an SPDU whose user data are whole.
func (m *Machine) inputFor(s SPDU) input {
	in := input{kind: inOther, spdu: s}
	if g := segmentOf(s); g.data != nil {
		in.data = *g.data
	}
	switch s := s.(type) {
	case *AA:
		in.kind = inAA
	case *AB:
		in.kind = inAB
	case *AC:
		in.kind = inAC
	case *AD:
		in.kind = inAD
	case *ADA:
		in.kind = inADA
	case *AE:
		in.kind, in.serial = inAE, s.Serial
	case *MAA:
		in.kind, in.serial = inAEA, s.Serial
	case *AI:
		in.kind = inAI
	case *AIA:
		in.kind = inAIA
	case *AR:
		in.kind, in.serial = inAR, s.Serial
	case *AS:
		in.kind = inAS
	case *CDO:
		in.kind = inCDO
	case *CN:
		in.kind = inCN
	case *DN:
		in.kind = inDN
	case *DT:
		in.kind = inDT
	case *ED:
		in.kind = inED
	case *ER:
		in.kind = inER
	case *FN:
		in.kind = inFN
	case *GT:
		in.kind, in.tokens = inGT, s.Tokens
	case *GTA:
		in.kind = inGTA
	case *GTC:
		in.kind = inGTC
	case *MIA:
		in.kind, in.serial = inMIA, s.Serial
	case *MIP:
		in.kind, in.serial = inMIP, s.Serial
	case *OA:
		in.kind = inOA
	case *PT:
		// To ask for a token there is not is to ask for nothing.
		in.kind, in.tokens = inPT, s.Tokens&m.available
	case *RF:
		in.kind = inRF
	case *TD:
		in.kind = inTD
	}
	return in
}

// inputOf makes the input of a request or response.
func inputOf(ev Event) input {
	in := input{kind: inOther, request: ev}
	switch ev := ev.(type) {
	case SConnectRequest:
		in.kind = inSCONreq
	case SConnectResponse:
		in.kind = inSCONrspPlus
	case SConnectRefusal:
		in.kind = inSCONrspMinus
	case SDataRequest:
		in.kind = inSDTreq
	case STypedDataRequest:
		in.kind = inSTDreq
	case STokenGiveRequest:
		in.kind, in.tokens = inSGTreq, ev.Tokens
	case STokenPleaseRequest:
		in.kind, in.tokens = inSPTreq, ev.Tokens
	case SControlGiveRequest:
		in.kind = inSCGreq
	case SSyncMinorRequest:
		in.kind = inSYNmreq
	case SSyncMinorResponse:
		in.kind, in.serial = inSYNmrsp, ev.Serial
	case SActivityStartRequest:
		in.kind = inSACTSreq
	case SActivityResumeRequest:
		in.kind = inSACTRreq
	case SActivityInterruptRequest:
		in.kind = inSACTIreq
	case SActivityInterruptResponse:
		in.kind = inSACTIrsp
	case SActivityDiscardRequest:
		in.kind = inSACTDreq
	case SActivityDiscardResponse:
		in.kind = inSACTDrsp
	case SActivityEndRequest:
		in.kind = inSACTEreq
	case SActivityEndResponse:
		in.kind = inSACTErsp
	case SUExceptionReportRequest:
		in.kind = inSUERreq
	case SReleaseRequest:
		in.kind = inSRELreq
	case SReleaseResponse:
		in.kind = inSRELrsp
	case SUAbortRequest:
		in.kind = inSUABreq
	}
	return in
}

// requestName returns the name of a request as errors print it.
func requestName(k incoming) string {
	switch k {
	case inSCONreq:
		return "S-CONNECT request"
	case inSCONrspPlus, inSCONrspMinus:
		return "S-CONNECT response"
	case inSDTreq:
		return "S-DATA request"
	case inSTDreq:
		return "S-TYPED-DATA request"
	case inSGTreq:
		return "S-TOKEN-GIVE request"
	case inSPTreq:
		return "S-TOKEN-PLEASE request"
	case inSCGreq:
		return "S-CONTROL-GIVE request"
	case inSYNmreq:
		return "S-SYNC-MINOR request"
	case inSYNmrsp:
		return "S-SYNC-MINOR response"
	case inSACTSreq:
		return "S-ACTIVITY-START request"
	case inSACTRreq:
		return "S-ACTIVITY-RESUME request"
	case inSACTIreq:
		return "S-ACTIVITY-INTERRUPT request"
	case inSACTIrsp:
		return "S-ACTIVITY-INTERRUPT response"
	case inSACTDreq:
		return "S-ACTIVITY-DISCARD request"
	case inSACTDrsp:
		return "S-ACTIVITY-DISCARD response"
	case inSACTEreq:
		return "S-ACTIVITY-END request"
	case inSACTErsp:
		return "S-ACTIVITY-END response"
	case inSUERreq:
		return "S-U-EXCEPTION-REPORT request"
	case inSRELreq:
		return "S-RELEASE request"
	case inSRELrsp:
		return "S-RELEASE response"
	case inSUABreq:
		return "S-U-ABORT request"
	}
	return "request"
}
