package session

// The state tables of X.225 Annex A, Tables A.8 to A.16, for a session connection
// without symmetric synchronization, transport expedited flow (TEXP false),
// resynchronization, major synchronization, capability data exchange and
// negotiated release, which never keeps its transport connection (p02 and p66
// false). A blank intersection has no row.
//
// Three departures. AEA in STA 05B and STA 05C changes nothing, as in the tables, but
// the SS-user is told (see SActivityEndCrossed). In STA 01C the tables close the transport connection over an
// SPDU that has no business there without a word to anybody; here the SS-user
// learns of it as of any protocol error. In STA 713 a GT or PT that names no
// token is nothing (see Machine.receive).
var table = [incomings][]row{
	// Table A.8, connection establishment.
	inCN: {
		{in: []State{STA01C}, when: []predicate{responder}, do: (*Machine).connect, next: stay},
		{in: []State{STA16}, do: (*Machine).closeAfterWait, next: STA01},
	},
	inCDO: {{in: []State{STA01D}, do: (*Machine).overflow, next: stay}},
	inOA:  {{in: []State{STA02B}, do: (*Machine).overflowAccepted, next: STA02A}},
	inAC: {
		{in: []State{STA02A}, do: (*Machine).accepted, next: STA713},
		{in: []State{STA16}, next: stay},
	},
	inRF: {
		{in: []State{STA02A, STA02B}, do: (*Machine).refused, next: STA01},
		{in: []State{STA16}, next: stay},
	},
	inSCONreq:      {{in: []State{STA01C}, when: []predicate{initiator}, do: (*Machine).sendCN, next: stay}},
	inSCONrspPlus:  {{in: []State{STA08}, do: (*Machine).sendAC, next: STA713}},
	inSCONrspMinus: {{in: []State{STA08}, do: (*Machine).sendRF, next: STA16}},

	// Table A.9, data transfer.
	inDT: {
		{in: []State{STA713, STA04B}, when: []predicate{peerData}, do: (*Machine).indicateDT, next: stay},
		{in: []State{STA03}, when: []predicate{peerData, noCollision}, do: (*Machine).indicateDT, next: stay},
		{in: []State{STA18}, when: []predicate{duplex}, do: (*Machine).indicateDT, next: stay},
		{in: []State{STA05B, STA05C, STA20}, when: []predicate{peerData}, next: stay},
		{in: []State{STA16, STA19}, next: stay},
	},
	inTD: {
		{in: []State{STA713, STA04B, STA18}, when: []predicate{typedData}, do: (*Machine).indicateTD, next: stay},
		{in: []State{STA03}, when: []predicate{typedData, noCollision}, do: (*Machine).indicateTD, next: stay},
		{in: []State{STA05B, STA05C, STA19, STA20}, when: []predicate{typedData}, next: stay},
		{in: []State{STA16}, next: stay},
	},
	inSDTreq: {
		{in: []State{STA713, STA10B}, when: []predicate{mayData}, do: (*Machine).sendDT, next: stay},
		{in: []State{STA09}, when: []predicate{duplex, noCollision}, do: (*Machine).sendDT, next: stay},
		{in: []State{STA18}, when: []predicate{duplex}, do: (*Machine).sendDT, next: stay},
	},
	inSTDreq: {
		{in: []State{STA713, STA10B, STA18}, when: []predicate{typedData}, do: (*Machine).sendTD, next: stay},
		{in: []State{STA09}, when: []predicate{typedData, noCollision}, do: (*Machine).sendTD, next: stay},
	},

	// Table A.10, synchronization.
	inMIP: {
		{in: []State{STA713}, when: mipTaken, do: (*Machine).indicateMIP, next: stay},
		{in: []State{STA19, STA20}, when: mipTaken, do: (*Machine).countMIP, next: stay},
		{in: []State{STA05B, STA05C}, when: mipLost, next: stay},
		{in: []State{STA16}, next: stay},
	},
	inMIA: {
		{in: []State{STA713, STA03}, when: miaTaken, do: (*Machine).indicateMIA, next: stay},
		{in: []State{STA04B}, when: append([]predicate{serialInner}, miaTaken...), do: (*Machine).indicateMIA, next: stay},
		{in: []State{STA19}, when: miaTaken, do: (*Machine).countMIA, next: stay},
		{in: []State{STA20}, when: miaTaken, next: stay},
		{in: []State{STA05B, STA05C}, when: []predicate{inActivity, minorSync, maySync}, next: stay},
		{in: []State{STA16}, next: stay},
	},
	inAE: {
		{in: []State{STA713}, when: aeTaken, do: (*Machine).indicateAE, next: STA10B},
		{in: []State{STA19, STA20}, when: aeTaken, do: (*Machine).countAE, next: stay},
		{in: []State{STA16}, next: stay},
	},
	inAEA: {
		{in: []State{STA04B}, when: []predicate{serialLast}, do: (*Machine).ended, next: STA713},
		{in: []State{STA20}, when: []predicate{serialLast}, next: stay},
		{in: []State{STA05B, STA05C}, when: []predicate{serialLast}, do: (*Machine).crossed, next: stay},
		{in: []State{STA05B, STA05C, STA16}, next: stay},
	},
	inSYNmreq: {{in: []State{STA713}, when: mipSent, do: (*Machine).sendMIP, next: stay}},
	inSYNmrsp: {
		{in: []State{STA713, STA09}, when: miaSent, do: (*Machine).sendMIA, next: stay},
		{in: []State{STA10B}, when: append([]predicate{serialInner}, miaSent...), do: (*Machine).sendMIA, next: stay},
	},
	inSACTEreq: {{in: []State{STA713}, when: aeSent, do: (*Machine).sendAE, next: STA04B}},
	inSACTErsp: {{in: []State{STA10B}, do: (*Machine).sendAEA, next: STA713}},

	// Table A.12, activity interrupt and discard.
	inAD: {
		{in: []State{STA713, STA10B, STA19, STA20}, when: endTaken, do: (*Machine).indicateAD, next: STA11C},
		{in: []State{STA16}, next: stay},
	},
	inADA: {
		{in: []State{STA05C}, do: (*Machine).discarded, next: STA713},
		{in: []State{STA16}, next: stay},
	},
	inAI: {
		{in: []State{STA713, STA10B, STA19, STA20}, when: endTaken, do: (*Machine).indicateAI, next: STA11B},
		{in: []State{STA16}, next: stay},
	},
	inAIA: {
		{in: []State{STA05B}, do: (*Machine).interrupted, next: STA713},
		{in: []State{STA16}, next: stay},
	},
	inSACTDreq: {
		{in: []State{STA713, STA04B}, when: endSent, do: (*Machine).sendAD, next: STA05C},
		{in: []State{STA20}, when: []predicate{activity, ownMajor}, do: (*Machine).sendAD, next: STA05C},
	},
	inSACTDrsp: {{in: []State{STA11C}, do: (*Machine).sendADA, next: STA713}},
	inSACTIreq: {
		{in: []State{STA713, STA04B}, when: endSent, do: (*Machine).sendAI, next: STA05B},
		{in: []State{STA20}, when: []predicate{activity, ownMajor}, do: (*Machine).sendAI, next: STA05B},
	},
	inSACTIrsp: {{in: []State{STA11B}, do: (*Machine).sendAIA, next: STA713}},

	// Table A.13, activity start and resume.
	inAS: {
		{in: []State{STA713}, when: asTaken, do: (*Machine).indicateAS, next: stay},
		{in: []State{STA16}, next: stay},
	},
	inAR: {
		{in: []State{STA713}, when: asTaken, do: (*Machine).indicateAR, next: stay},
		{in: []State{STA16}, next: stay},
	},
	inSACTSreq: {{in: []State{STA713}, when: asSent, do: (*Machine).sendAS, next: stay}},
	inSACTRreq: {{in: []State{STA713}, when: asSent, do: (*Machine).sendAR, next: stay}},

	// Table A.14, token management and exceptions.
	inED: exceptionRows((*Machine).indicateED),
	inER: append(exceptionRows((*Machine).indicateER),
		row{in: []State{STA20}, when: []predicate{exceptions}, do: (*Machine).indicateER, next: stay}),
	inGT: {
		{in: []State{STA713, STA04B, STA10B}, when: []predicate{peerGives}, do: (*Machine).indicateGT, next: stay},
		{in: []State{STA19, STA20}, when: []predicate{peerGives, keepsData}, do: (*Machine).indicateGT, next: stay},
		{in: []State{STA19, STA20}, when: []predicate{peerGives, givesData}, do: (*Machine).indicateGT, next: STA713},
		{in: []State{STA05B, STA05C}, when: []predicate{peerGives}, next: stay},
		{in: []State{STA16}, next: stay},
	},
	inGTA: {
		{in: []State{STA18}, next: STA713},
		{in: []State{STA16}, next: stay},
	},
	inGTC: {
		{in: []State{STA713}, when: asTaken, do: (*Machine).indicateGTC, next: stay},
		{in: []State{STA16}, next: stay},
	},
	inPT: {
		{in: []State{STA713, STA03, STA04B, STA18}, when: []predicate{wantsTokens}, do: (*Machine).indicatePT, next: stay},
		{in: []State{STA05B, STA05C, STA19, STA20}, when: []predicate{wantsTokens}, next: stay},
		{in: []State{STA16}, next: stay},
	},
	inSCGreq: {{in: []State{STA713}, when: asSent, do: (*Machine).sendGTC, next: STA18}},
	inSGTreq: {
		{in: []State{STA713, STA04B, STA10B}, when: []predicate{givesOwned}, do: (*Machine).sendGT, next: stay},
		{in: []State{STA20}, when: []predicate{givesOwned, keepsData}, do: (*Machine).sendGT, next: stay},
		{in: []State{STA20}, when: []predicate{givesOwned, givesData}, do: (*Machine).sendGT, next: STA713},
	},
	inSPTreq: {{in: []State{STA713, STA09, STA10B}, when: []predicate{wantsTokens}, do: (*Machine).sendPT, next: stay}},
	inSUERreq: {
		{in: []State{STA713, STA09, STA10B}, when: []predicate{exceptions, inActivity, notOwnData}, do: (*Machine).sendED, next: STA19},
	},

	// Table A.15, release.
	inFN: {
		{in: []State{STA713}, when: []predicate{peerAll, notActive}, do: (*Machine).indicateFN, next: STA09},
		{in: []State{STA03}, when: []predicate{noTokens}, do: (*Machine).collideFN, next: STA09},
		{in: []State{STA19, STA20}, when: []predicate{peerAll, notActive}, next: stay},
		{in: []State{STA16}, next: stay},
	},
	inDN: {
		{in: []State{STA03}, do: (*Machine).finished, next: STA01},
		{in: []State{STA09}, when: []predicate{collision, responder}, do: (*Machine).finishedFirst, next: stay},
		{in: []State{STA16}, next: stay},
	},
	inSRELreq: {
		{in: []State{STA713}, when: []predicate{mayAll, notActive}, do: (*Machine).sendFN, next: STA03},
		{in: []State{STA09}, when: []predicate{noTokens, noCollision}, do: (*Machine).sendCollidingFN, next: stay},
	},
	inSRELrsp: {
		{in: []State{STA09}, when: []predicate{collision, initiator}, do: (*Machine).sendDN, next: STA03},
		{in: []State{STA09}, when: []predicate{released}, do: (*Machine).sendLastDN, next: STA16},
	},

	// Table A.16, abort.
	inAA: {{in: []State{STA16}, do: (*Machine).closeAfterWait, next: STA01}},
	inAB: {
		{in: []State{STA16}, do: (*Machine).closeAfterWait, next: STA01},
		{in: []State{STA01C, STA01D}, do: (*Machine).closeSilently, next: STA01},
		{in: connected, do: (*Machine).aborted, next: STA01},
	},
	inSUABreq: {
		{in: []State{STA01C, STA01D}, do: (*Machine).closeSilently, next: STA01},
		{in: connected, do: (*Machine).sendAB, next: STA16},
	},
}

// connected are the states in which there is a session connection to abort.
var connected = []State{
	STA02A, STA02B, STA03, STA04B, STA05B, STA05C, STA08, STA09, STA10B,
	STA11B, STA11C, STA18, STA19, STA20, STA713,
}

// exceptionRows are the rows ED and ER have in common.
func exceptionRows(indicate func(*Machine, *input) error) []row {
	return []row{
		{in: []State{STA713}, when: []predicate{exceptions, inActivity, notOwnData}, do: indicate, next: stay},
		{in: []State{STA713}, when: []predicate{exceptions, inActivity, ownData}, do: indicate, next: STA20},
		{in: []State{STA04B}, when: []predicate{exceptions, mayData}, do: indicate, next: STA20},
		{in: []State{STA04B}, when: []predicate{exceptions}, do: indicate, next: STA713},
		{in: []State{STA03}, when: []predicate{exceptions, noActivity, ownData}, do: indicate, next: STA20},
		{in: []State{STA19}, when: []predicate{exceptions, inActivity, notOwnData}, do: indicate, next: stay},
		{in: []State{STA05B, STA05C}, when: []predicate{exceptions}, next: stay},
		{in: []State{STA16}, next: stay},
	}
}
