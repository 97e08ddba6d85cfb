package session

// The functional units (X.225 §A.5.1).
var (
	duplex     = predicate{"duplex is not selected", func(m *Machine, _ *input) bool { return m.selected.Has(Duplex) }}
	minorSync  = predicate{"minor synchronize is not selected", func(m *Machine, _ *input) bool { return m.selected.Has(MinorSync) }}
	activity   = predicate{"activity management is not selected", func(m *Machine, _ *input) bool { return m.selected.Has(ActivityManagement) }}
	noActivity = predicate{"activity management is selected", func(m *Machine, _ *input) bool { return !m.selected.Has(ActivityManagement) }}
	exceptions = predicate{"exceptions and half-duplex are not selected", func(m *Machine, _ *input) bool { return m.selected.Has(Exceptions | HalfDuplex) }}
	typedData  = predicate{"typed data is not selected", func(m *Machine, _ *input) bool { return m.selected.Has(TypedData) }}
)

// The tokens (X.225 §A.5.2): I, A, II and AA over the tokens in question.
var (
	mayData     = predicate{"the data token is with the peer", func(m *Machine, _ *input) bool { return m.may(TokenData) }}
	mayMinor    = predicate{"the synchronize-minor token is with the peer", func(m *Machine, _ *input) bool { return m.may(TokenMinorSync) }}
	ownMinor    = predicate{"the synchronize-minor token is not owned", func(m *Machine, _ *input) bool { return m.owned.Has(TokenMinorSync) }}
	ownMajor    = predicate{"the major/activity token is not owned", func(m *Machine, _ *input) bool { return m.owned.Has(TokenMajorActivity) }}
	mayAll      = predicate{"a token is with the peer", func(m *Machine, _ *input) bool { return m.may(m.available) }}
	peerData    = predicate{"the data token is not with the peer", func(m *Machine, _ *input) bool { return m.peerMay(TokenData) }}
	peerMinor   = predicate{"the synchronize-minor token is not with the peer", func(m *Machine, _ *input) bool { return m.peerMay(TokenMinorSync) }}
	peerOwnsMi  = predicate{"the synchronize-minor token does not belong to the peer", func(m *Machine, _ *input) bool { return m.peerOwns(TokenMinorSync) }}
	peerOwnsMa  = predicate{"the major/activity token does not belong to the peer", func(m *Machine, _ *input) bool { return m.peerOwns(TokenMajorActivity) }}
	peerAll     = predicate{"a token does not belong to the peer", func(m *Machine, _ *input) bool { return m.peerMay(m.available) }}
	notOwnData  = predicate{"the data token is owned", func(m *Machine, _ *input) bool { return m.peerOwns(TokenData) }}
	ownData     = predicate{"the data token is not owned", func(m *Machine, _ *input) bool { return m.owned.Has(TokenData) }}
	givesOwned  = predicate{"tokens are given that are not owned", func(m *Machine, in *input) bool { return in.tokens != 0 && m.owned.Has(in.tokens) }}
	peerGives   = predicate{"tokens are given that the peer does not own", func(m *Machine, in *input) bool { return m.peerOwns(in.tokens) }}
	givesData   = predicate{"the data token is not given", func(_ *Machine, in *input) bool { return in.tokens.Has(TokenData) }}
	keepsData   = predicate{"the data token is given", func(_ *Machine, in *input) bool { return !in.tokens.Has(TokenData) }}
	wantsTokens = predicate{"no token is asked for that is available", func(m *Machine, in *input) bool { return in.tokens != 0 && m.available.Has(in.tokens) }}
	noTokens    = predicate{"there are tokens", func(m *Machine, _ *input) bool { return m.available == 0 }}
)

// The variables (X.225 §A.5.4).
var (
	inActivity  = predicate{"no activity is in progress", func(m *Machine, _ *input) bool { return !m.selected.Has(ActivityManagement) || m.vact }}
	active      = predicate{"no activity is in progress", func(m *Machine, _ *input) bool { return m.selected.Has(ActivityManagement) && m.vact }}
	idle        = predicate{"an activity is in progress", func(m *Machine, _ *input) bool { return m.selected.Has(ActivityManagement) && !m.vact }}
	notActive   = predicate{"an activity is in progress", func(m *Machine, _ *input) bool { return !m.selected.Has(ActivityManagement) || !m.vact }}
	initiator   = predicate{"the transport connection is the peer's", func(m *Machine, _ *input) bool { return m.params.Role == Initiator }}
	responder   = predicate{"the transport connection is not the peer's", func(m *Machine, _ *input) bool { return m.params.Role == Responder }}
	noCollision = predicate{"both sides have sent FN", func(m *Machine, _ *input) bool { return !m.vcoll }}
	collision   = predicate{"no collision of FN", func(m *Machine, _ *input) bool { return m.vcoll }}
	released    = predicate{"DN of the peer is awaited", func(m *Machine, _ *input) bool { return !m.vcoll || m.vdnr }}
	maySync     = predicate{"points of the peer's are to be confirmed", func(m *Machine, _ *input) bool { return !m.vsc }}
	mayConfirm  = predicate{"there are no points of the peer's to confirm", func(m *Machine, _ *input) bool { return m.vsc }}
	serialNext  = predicate{"the serial number is not the next", func(m *Machine, in *input) bool { return in.serial == m.vm }}
	serialLast  = predicate{"the serial number is not the last", func(m *Machine, in *input) bool { return in.serial+1 == m.vm }}
	serialOpen  = predicate{"the serial number is not one to confirm", func(m *Machine, in *input) bool { return m.va <= in.serial && in.serial < m.vm }}
	serialInner = predicate{"the serial number is that of the end of the activity", func(m *Machine, in *input) bool { return in.serial+1 != m.vm }}
	serialLeft  = predicate{"the serial numbers are used up", func(m *Machine, _ *input) bool { return m.vm <= MaxSerialNumber }}
)

// The predicates of X.225 Table A.7 that are made of several.
var (
	mipLost  = []predicate{inActivity, peerData, peerOwnsMi}             // p14
	mipTaken = []predicate{inActivity, peerData, peerOwnsMi, serialNext} // p14&p19
	mipSent  = []predicate{minorSync, inActivity, mayData, ownMinor, serialLeft}
	miaTaken = []predicate{inActivity, minorSync, maySync, serialOpen}    // p17&p21
	miaSent  = []predicate{inActivity, minorSync, mayConfirm, serialOpen} // p18&p21
	aeTaken  = []predicate{activity, active, peerData, peerMinor, peerOwnsMa, serialNext}
	aeSent   = []predicate{activity, active, mayData, mayMinor, ownMajor, serialLeft}
	asTaken  = []predicate{activity, idle, peerAll}
	asSent   = []predicate{activity, idle, mayAll}
	endTaken = []predicate{activity, peerOwnsMa}       // p38&p40: AI, AD
	endSent  = []predicate{activity, active, ownMajor} // p34&p39
)

// may is ALL(I): the tokens that are available are owned.
func (m *Machine) may(t Tokens) bool { return m.owned.Has(t & m.available) }

// peerMay is ALL(A): the tokens that are available are not owned.
func (m *Machine) peerMay(t Tokens) bool { return m.owned&t == 0 }

// peerOwns is ALL(AA): the tokens are available and not owned.
func (m *Machine) peerOwns(t Tokens) bool { return m.available.Has(t) && m.owned&t == 0 }
