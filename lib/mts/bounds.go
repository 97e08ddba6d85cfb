package mts

// Upper bounds of the module MTSUpperBounds, X.411 Annex B, as far as this
// package or a user of it enforces them.
const (
	UbBuiltInContentType        = 32767
	UbBuiltInEncodedInformation = 32
	UbContentCorrelatorLength   = 512
	UbContentIDLength           = 16
	UbContentLength             = 1<<31 - 1
	UbContentTypes              = 1024
	UbCountryNameAlphaLength    = 2
	UbCountryNameNumericLength  = 3
	UbDLExpansions              = 512
	UbDomainNameLength          = 16
	UbEncodedInformationTypes   = 1024
	UbExtensionTypes            = 256
	UbLocalIDLength             = 32
	UbMTANameLength             = 32
	UbOrigAndDLExpansions       = 513
	UbPasswordLength            = 62
	UbRecipients                = 32767
	UbRedirections              = 512
	UbSupplementaryInfoLength   = 256
	UbTransfers                 = 512
)
