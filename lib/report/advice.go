package report

import "github.com/mtakit/mtakit/lib/mts"

// ReasonAdvice says in one sentence what people can do when a report gives the
// reason; "" for one that X.411 §8.3.1.2.1 does not define.
func ReasonAdvice(r mts.ReasonCode) string {
	if r < 0 || int64(r) >= int64(len(reasonAdvice)) {
		return ""
	}
	return reasonAdvice[r]
}

// DiagnosticAdvice says in one sentence what people can do when a report gives the
// diagnostic; "" for one that X.411 §8.3.1.2.1 does not define.
func DiagnosticAdvice(d mts.DiagnosticCode) string {
	if d < 0 || int64(d) >= int64(len(diagnosticAdvice)) {
		return ""
	}
	return diagnosticAdvice[d]
}

// noRouteAdvice stands for that on unrecognised-OR-name where the text says that no rule led
// anywhere: the address may well be right.
const noRouteAdvice = "No rule of the reporting MTA leads anywhere for this address: mtaroute explain there shows which were asked, and where the address is right its mta.toml lacks a route."

var reasonAdvice = [...]string{
	mts.TransferFailure:                  "A transfer that was under way failed: ask who runs the reporting MTA what its log says, and send again.",
	mts.UnableToTransfer:                 "The message could not be passed on: the diagnostic, or the text where there is none, says why.",
	mts.ConversionNotPerformed:           "A conversion was needed and not made: send the text in a type that the recipient takes.",
	mts.PhysicalRenditionNotPerformed:    "The message could not be put on paper: ask for rendition attributes and body parts that the physical delivery system offers.",
	mts.PhysicalDeliveryNotPerformed:     "The letter was not delivered: the diagnostic says why, and most often the postal address is to be corrected.",
	mts.RestrictedDelivery:               "The recipient does not take messages from this originator, or of this kind: ask the recipient to lift the restriction.",
	mts.DirectoryOperationUnsuccessful:   "The Directory gave no address for the name: see that it can be reached, or send to an O/R address.",
	mts.DeferredDeliveryNotPerformed:     "The message could not be held until its deferred delivery time: send it again when it is to be delivered.",
	mts.TransferFailureForSecurityReason: "A security policy stopped the message: ask the security administrator of the reporting domain before it is sent again.",
}

var diagnosticAdvice = [...]string{
	mts.UnrecognisedORName:                 "Nobody there has this address: compare it letter by letter with a message that arrived, and correct it.",
	mts.AmbiguousORName:                    "The address fits several users: add given name, initials or an organizational unit.",
	mts.MTSCongestion:                      "Too much was queued there: send again later, and ask who runs the reporting MTA if it stays so.",
	mts.DiagnosticLoopDetected:             "Two domains sent the message to each other: compare the trace with the routes of both, mtaroute explain shows those here.",
	mts.RecipientUnavailable:               "The recipient's system could not be used: ask the recipient's administrator, and send again.",
	mts.MaximumTimeExpired:                 "Time ran out on the way: find the connection that is down by the trace, and send again when it is up.",
	mts.EncodedInformationTypesUnsupported: "The recipient does not take these encoded information types: send plain text, or ask for them to be added to the recipient's registration.",
	mts.ContentTooLong:                     "The content is longer than somebody on the way takes: send it in parts, or ask for the limit to be raised.",
	mts.ConversionImpractical:              "No MTA could convert this content: send it in a type that the recipient takes.",
	mts.ImplicitConversionProhibited:       "The originator prohibited a conversion that was needed: send again without the prohibition, or in a type that the recipient takes.",
	mts.ImplicitConversionNotSubscribed:    "The recipient has not subscribed to conversion: send in a type that the recipient takes.",
	mts.InvalidArguments:                   "A field of the envelope has a value that is not allowed there: mtactl decode --as envelope shows the fields; the originating system needs correction.",
	mts.ContentSyntaxError:                 "The content is not what its content type says: mtactl decode shows where; the originating system needs correction.",
	mts.SizeConstraintViolation:            "A field is longer than X.411 allows, or a list has too many members: shorten it, or correct the originating system.",
	mts.ProtocolViolation:                  "The object broke the transfer protocol: mtactl decode shows it; who wrote the MTA that passed it on has to correct it.",
	mts.ContentTypeNotSupported:            "The recipient does not take this content type: send an interpersonal message, or ask for the content type to be added.",
	mts.TooManyRecipients:                  "The message has more recipients than somebody takes: send it several times, or use a distribution list.",
	mts.NoBilateralAgreement:               "Two domains on the way have not agreed to exchange messages: make the agreement, or route by another domain.",
	mts.UnsupportedCriticalFunction:        "An extension marked critical is not done by the reporting MTA: send again without it, or not critical.",
	mts.ConversionWithLossProhibited:       "A conversion would have lost something and the originator prohibited that: send again without the prohibition, or in a type that the recipient takes.",

	mts.LineTooLong:             "A line is too long for the recipient's type: break the lines and send again.",
	mts.PageSplit:               "A page would have been split by the conversion: make the pages shorter and send again.",
	mts.PictorialSymbolLoss:     "Pictures would have been lost by the conversion: leave them out, or send in a type that the recipient takes.",
	mts.PunctuationSymbolLoss:   "Punctuation would have been lost by the conversion: use simpler signs, or send in a type that the recipient takes.",
	mts.AlphabeticCharacterLoss: "Letters would have been lost by the conversion: write without accents, or send in a type that the recipient takes.",
	mts.MultipleInformationLoss: "Several things would have been lost by the conversion: send in a type that the recipient takes.",

	mts.RecipientReassignmentProhibited: "The recipient has an alternate, and the originator prohibited its use: send again without the prohibition, or to the alternate.",
	mts.RedirectionLoopDetected:         "Alternate recipients point at each other: one of those in the redirection history has to change theirs.",
	mts.DLExpansionProhibited:           "The recipient is a distribution list, and the originator prohibited expansion: send again without the prohibition.",
	mts.NoDLSubmitPermission:            "The originator may not send to this distribution list: ask its owner for permission.",
	mts.DLExpansionFailure:              "The distribution list could not be expanded: ask who runs it to mend it, and send again.",

	mts.PhysicalRenditionAttributesNotSupported:                   "The physical delivery system cannot print in the form asked for: send again without rendition attributes.",
	mts.UndeliverableMailPhysicalDeliveryAddressIncorrect:         "The postal address is wrong: correct it and send again.",
	mts.UndeliverableMailPhysicalDeliveryOfficeIncorrectOrInvalid: "The delivery office in the postal address does not exist or is not the right one: correct its name and number.",
	mts.UndeliverableMailPhysicalDeliveryAddressIncomplete:        "Something is missing in the postal address: add street, house and postal code.",
	mts.UndeliverableMailRecipientUnknown:                         "Nobody of this name is known at the postal address: ask for the right one.",
	mts.UndeliverableMailRecipientDeceased:                        "The recipient has died: take the address out of your lists.",
	mts.UndeliverableMailOrganizationExpired:                      "The organization at the postal address no longer exists: ask for its successor.",
	mts.UndeliverableMailRecipientRefusedToAccept:                 "The recipient refused the letter: reach them another way.",
	mts.UndeliverableMailRecipientDidNotClaim:                     "The recipient did not fetch the letter from the post office: reach them another way, or send again.",
	mts.UndeliverableMailRecipientChangedAddressPermanently:       "The recipient has moved: send to the physical-forwarding-address if the report has one, and correct your lists.",
	mts.UndeliverableMailRecipientChangedAddressTemporarily:       "The recipient is elsewhere for a time: send to the physical-forwarding-address if the report has one, or later.",
	mts.UndeliverableMailRecipientChangedTemporaryAddress:         "The recipient has left a temporary address: send to the permanent one.",
	mts.UndeliverableMailNewAddressUnknown:                        "The recipient has moved and nobody knows where: ask for the new address.",
	mts.UndeliverableMailRecipientDidNotWantForwarding:            "The recipient has moved and does not want mail forwarded: ask for the new address.",
	mts.UndeliverableMailOriginatorProhibitedForwarding:           "The recipient has moved and the originator prohibited forwarding: send again without the prohibition.",

	mts.SecureMessagingError:         "A security service failed: ask the security administrator of the reporting domain which.",
	mts.UnableToDowngrade:            "A system of 1984 is on the way and the message cannot be put into its protocol: leave out what came after 1984, or use another route.",
	mts.UnableToCompleteTransfer:     "The transfer broke off and could not be completed: try the connection with mtactl ping, and send again.",
	mts.TransferAttemptsLimitReached: "Every attempt to transfer failed: find the connection that is down by the trace, and send again when it is up.",
	mts.IncorrectNotificationType:    "A notification is of another kind than its envelope says: the system that made it needs correction.",

	mts.DLExpansionProhibitedBySecurityPolicy:       "A security policy forbids that this message be sent to a distribution list: send to the members one by one.",
	mts.ForbiddenAlternateRecipient:                 "A security policy forbids the alternate recipient: the recipient has to name another.",
	mts.SecurityPolicyViolation:                     "The message would have broken a security policy: compare its label with the clearance of the recipient and of the way there.",
	mts.SecurityServicesRefusal:                     "The reporting MTA does not do a security service that was asked for: ask for one that it does, or use another route.",
	mts.UnauthorisedDLMember:                        "A member of the distribution list may not get this message: the owner has to take the member out, or the label has to change.",
	mts.UnauthorisedDLName:                          "This distribution list may not get the message: ask the security administrator, or send to its members.",
	mts.UnauthorisedOriginallyIntendedRecipientName: "The recipient first named may not get this message: ask the security administrator for a clearance.",
	mts.UnauthorisedOriginatorName:                  "The originator may not send this message: ask the security administrator for the permission.",
	mts.UnauthorisedRecipientName:                   "The recipient may not get this message: ask the security administrator for a clearance.",
	mts.UnreliableSystem:                            "A system on the way is not trusted with this message: route around it, or have it certified.",
	mts.AuthenticationFailureOnSubjectMessage:       "The origin of the message could not be proved: see that the originator's certificate is valid and known there, and send again.",
	mts.DecryptionFailed:                            "The message could not be decrypted: see that it is encrypted for this recipient's present key, and send again.",
	mts.DecryptionKeyUnobtainable:                   "The key to decrypt the message could not be had: the recipient's key store needs attention.",
	mts.DoubleEnvelopeCreationFailure:               "The message could not be put into an outer envelope: the gateway that protects it needs attention.",
	mts.DoubleEnvelopingMessageRestoringFailure:     "The message could not be taken out of its outer envelope: the gateway that receives it needs attention.",
	mts.FailureOfProofOfMessage:                     "A proof about the message failed: somebody may have changed it on the way; ask the security administrator.",
	mts.IntegrityFailureOnSubjectMessage:            "The message was changed on the way: find by the trace who did, and send again.",
	mts.InvalidSecurityLabel:                        "The security label is not one of its policy: correct it and send again.",
	mts.KeyFailure:                                  "A key could not be used: see that it is valid and not revoked, and send again.",
	mts.MandatoryParameterAbsence:                   "The security policy wants a field that is not there: add it, a label or a signature, and send again.",
	mts.OperationSecurityFailure:                    "A security operation failed in the reporting system: ask who runs it what its log says.",
	mts.RepudiationFailureOfMessage:                 "A proof against repudiation failed: ask the security administrator which one and why.",
	mts.SecurityContextFailure:                      "The label is not within the security context of the association: let both MTAs bind with a context that has it.",
	mts.TokenDecryptionFailed:                       "The message token could not be decrypted: see that it is made for this recipient's present key, and send again.",
	mts.TokenError:                                  "The message token is wrong: make it anew and send again.",
	mts.UnknownSecurityLabel:                        "The security label is not known there: use one that both domains know, or have the policy installed there.",
	mts.UnsupportedAlgorithmIdentifier:              "A cryptographic algorithm is not known there: use one that both sides have.",
	mts.UnsupportedSecurityPolicy:                   "The security policy of the label is not known there: use one that both domains have.",
}
