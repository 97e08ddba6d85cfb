package mts

// Upper bounds of the module MTSUpperBounds, X.411 Annex B, as far as this
// package or a user of it enforces them.
const (
	UbAdditionalInfo            = 1024
	UbBilateralInfo             = 1024
	UbBitOptions                = 16
	UbBuiltInContentType        = 32767
	UbBuiltInEncodedInformation = 32
	UbCertificates              = 64
	UbContentCorrelatorLength   = 512
	UbContentIDLength           = 16
	UbContentLength             = 1<<31 - 1
	UbContentTypes              = 1024
	UbCountryNameAlphaLength    = 2
	UbCountryNameNumericLength  = 3
	UbDiagnosticCodes           = 32767
	UbDLExpansions              = 512
	UbDomainNameLength          = 16
	UbEncodedInformationTypes   = 1024
	UbExtensionTypes            = 256
	UbIntegerOptions            = 256
	UbLocalIDLength             = 32
	UbMTANameLength             = 32
	UbMTSUserTypes              = 256
	UbOrigAndDLExpansions       = 513
	UbPasswordLength            = 62
	UbPrivacyMarkLength         = 128
	UbReasonCodes               = 32767
	UbRecipientNumberForAdvice  = 32
	UbRecipients                = 32767
	UbRedirections              = 512
	UbSecurityCategories        = 64
	UbSecurityLabels            = 256
	UbSupplementaryInfoLength   = 256
	UbTeletexPrivateUseLength   = 128
	UbTransfers                 = 512
)
