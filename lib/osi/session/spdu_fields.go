package session

// The parameters of each SPDU, by the tables of X.225 §8.3.

func (s *CN) fields(f *fields) {
	f.connectionIdentifier(&s.Identifier)
	f.connectAcceptItem(&s.Item, &s.Requirements)
	f.requirements(&s.Requirements)
	f.octets(piCallingSSEL, optional, &s.CallingSSEL, maxSSEL)
	f.octets(piCalledSSEL, optional, &s.CalledSSEL, maxSSEL)
	overflow := uint8(0)
	if s.Overflow {
		overflow = 1
	}
	octet(f, piDataOverflow, optional, &overflow, 1, 0)
	s.Overflow = overflow == 1
	if f.encode {
		// No segments here: what is left goes into CDO SPDUs.
		if len(s.UserData) <= maxConnectUserData {
			f.octets(pgiUserData, optional, &s.UserData, maxConnectUserData)
		} else {
			f.octets(pgiExtendedUserData, optional, &s.UserData, maxExtendedUserData)
		}
		return
	}
	var extended []byte
	// Some peers put more than 512 octets here; what they mean is clear.
	f.octets(pgiUserData, optional, &s.UserData, maxExtendedUserData)
	f.octets(pgiExtendedUserData, optional, &extended, maxExtendedUserData)
	switch {
	case extended == nil:
	case s.UserData != nil:
		f.fail(pgiExtendedUserData, f.base, "beside user data")
	default:
		s.UserData = extended
	}
}

func (s *OA) fields(f *fields) {
	f.maxTSDU(&s.MaxTSDU)
	octet(f, piVersion, mandatory, &s.Versions, Version1|Version2, 0)
}

func (s *CDO) fields(f *fields) {
	f.segment(&s.Enclosure, &s.UserData)
}

func (s *AC) fields(f *fields) {
	f.connectionIdentifier(&s.Identifier)
	f.connectAcceptItem(&s.Item, &s.Requirements)
	octet(f, piTokenItem, optional, &s.Please, tokensMask, 0)
	f.requirements(&s.Requirements)
	f.enclosure(&s.Enclosure)
	f.octets(piCallingSSEL, optional, &s.CallingSSEL, maxSSEL)
	f.octets(piCalledSSEL, optional, &s.RespondingSSEL, maxSSEL)
	f.data(pgiUserData, &s.UserData)
}

func (s *RF) fields(f *fields) {
	f.connectionIdentifier(&s.Identifier)
	octet(f, piTransportDisconnect, always, &s.Transport, ReleaseTransport, ReleaseTransport)
	if v, _ := f.find(piRequirements); v != nil && !f.skip() {
		s.Requirements = new(FunctionalUnits)
	}
	if s.Requirements != nil {
		f.requirements(s.Requirements)
	}
	octet(f, piVersion, optional, &s.Versions, Version1|Version2, 0)
	f.enclosure(&s.Enclosure)
	f.data(piReasonCode, &s.ReasonCode)
}

func (s *FN) fields(f *fields) {
	octet(f, piTransportDisconnect, always, &s.Transport, ReleaseTransport, ReleaseTransport)
	f.enclosure(&s.Enclosure)
	f.data(pgiUserData, &s.UserData)
}

func (s *AB) fields(f *fields) {
	const mask = ReleaseTransport | UserAbort | ProtocolError | NoReason | ImplementationRestriction
	// Mandatory, but an abort is understood without it.
	octet(f, piTransportDisconnect, always, &s.Transport, mask, ReleaseTransport)
	f.enclosure(&s.Enclosure)
	f.octets(piReflectedValues, optional, &s.Reflected, maxReflected)
	f.data(pgiUserData, &s.UserData)
}

func (s *PR) fields(f *fields) { octet(f, piPrepareType, mandatory, &s.Type, 0xff, 0) }

func (s *GT) fields(f *fields) {
	octet(f, piTokenItem, optional, &s.Tokens, tokensMask, 0)
	f.enclosure(&s.Enclosure)
	f.data(pgiUserData, &s.UserData)
}

func (s *PT) fields(f *fields) {
	octet(f, piTokenItem, optional, &s.Tokens, tokensMask, 0)
	f.enclosure(&s.Enclosure)
	f.data(pgiUserData, &s.UserData)
}

func (s *MIP) fields(f *fields) {
	octet(f, piSyncType, optional, &s.Type, SyncOptional|SyncDataSeparation, SyncExplicit)
	f.enclosure(&s.Enclosure)
	f.serial(piSerialNumber, &s.Serial)
	f.data(pgiUserData, &s.UserData)
}

func (s *MIA) fields(f *fields) {
	f.enclosure(&s.Enclosure)
	f.serial(piSerialNumber, &s.Serial)
	f.data(piMIAUserData, &s.UserData)
}

func (s *MAP) fields(f *fields) {
	notEnd := uint8(notActivityEnd)
	octet(f, piSyncType, mandatory, &notEnd, notActivityEnd, notActivityEnd)
	f.enclosure(&s.Enclosure)
	f.serial(piSerialNumber, &s.Serial)
	f.data(pgiUserData, &s.UserData)
}

func (s *MAA) fields(f *fields) {
	f.enclosure(&s.Enclosure)
	f.serial(piSerialNumber, &s.Serial)
	f.data(pgiUserData, &s.UserData)
}

func (s *RS) fields(f *fields) {
	f.enclosure(&s.Enclosure)
	octet(f, piTokenSetting, optional, &s.Tokens, 0xff, AllTokens(InitiatorSide))
	octet(f, piResyncType, mandatory, &s.Type, 0xff, 0)
	f.serial(piSerialNumber, &s.Serial)
	f.data(pgiUserData, &s.UserData)
}

func (s *RA) fields(f *fields) {
	f.enclosure(&s.Enclosure)
	octet(f, piTokenSetting, optional, &s.Tokens, 0xff, AllTokens(InitiatorSide))
	f.serial(piSerialNumber, &s.Serial)
	f.data(pgiUserData, &s.UserData)
}

func (s *ER) fields(f *fields) {
	f.octets(piReflectedValues, mandatory, &s.Reflected, maxParameter)
}

func (s *ED) fields(f *fields) {
	f.enclosure(&s.Enclosure)
	octet(f, piReasonCode, mandatory, &s.Reason, 0xff, 0)
	f.data(pgiUserData, &s.UserData)
}

func (s *AS) fields(f *fields) {
	f.enclosure(&s.Enclosure)
	f.octets(piActivityIdentifier, mandatory, &s.Activity, maxActivityIdentifier)
	f.data(pgiUserData, &s.UserData)
}

func (s *AR) fields(f *fields) {
	f.enclosure(&s.Enclosure)
	f.group(pgiLinkingInformation, mandatory, func(f *fields) {
		f.identifier(&s.OldConnection)
		f.octets(piActivityIdentifier, mandatory, &s.OldActivity, maxActivityIdentifier)
		f.serial(piSerialNumber, &s.Serial)
	})
	f.octets(piActivityIdentifier, mandatory, &s.Activity, maxActivityIdentifier)
	f.data(pgiUserData, &s.UserData)
}

func (s *AI) fields(f *fields) {
	f.enclosure(&s.Enclosure)
	octet(f, piReasonCode, always, &s.Reason, 0xff, ExceptionUnspecified)
	f.data(pgiUserData, &s.UserData)
}

func (s *AD) fields(f *fields) {
	f.enclosure(&s.Enclosure)
	octet(f, piReasonCode, always, &s.Reason, 0xff, ExceptionUnspecified)
	f.data(pgiUserData, &s.UserData)
}

func (s *AE) fields(f *fields) {
	f.enclosure(&s.Enclosure)
	f.serial(piSerialNumber, &s.Serial)
	f.data(pgiUserData, &s.UserData)
}

func (*AA) fields(*fields)  {}
func (*GTA) fields(*fields) {}
func (*EX) fields(*fields)  {}

func (s *DT) fields(f *fields) { f.enclosure(&s.Enclosure) }
func (s *TD) fields(f *fields) { f.enclosure(&s.Enclosure) }

// The SPDUs that hold user data and nothing else.

func (f *fields) segment(e *Enclosure, data *[]byte) {
	f.enclosure(e)
	f.data(pgiUserData, data)
}

func (s *DN) fields(f *fields)  { f.segment(&s.Enclosure, &s.UserData) }
func (s *NF) fields(f *fields)  { f.segment(&s.Enclosure, &s.UserData) }
func (s *CD) fields(f *fields)  { f.segment(&s.Enclosure, &s.UserData) }
func (s *CDA) fields(f *fields) { f.segment(&s.Enclosure, &s.UserData) }
func (s *GTC) fields(f *fields) { f.segment(&s.Enclosure, &s.UserData) }
func (s *AIA) fields(f *fields) { f.segment(&s.Enclosure, &s.UserData) }
func (s *ADA) fields(f *fields) { f.segment(&s.Enclosure, &s.UserData) }
