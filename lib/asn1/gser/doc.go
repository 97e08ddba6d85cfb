// Package gser reads and writes ASN.1 values as the Generic String Encoding Rules of RFC
// 3641 write them: the text form of values that a directory keeps for types without one of
// their own. It knows the notation and no type: a value is a tree, and whoever reads it
// knows what it means.
package gser
