package documents

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// form says what a document holds for a cell as the client prints it.
type form int

const (
	digits        form = iota // a number of the same digits
	eitherDigits              // the same, or a string of them: not every server has unsigned numbers of 64 bits
	float32Number             // a number that is the same float of 32 bits
	float64Number
	quoted     // a string of the same characters
	wallClock  // the same with T for the blank
	instant    // and a Z behind it
	text       // cell in hex; a string of those bytes
	base64Text // cell in hex; a string of those bytes in base64
	set        // cell in hex; an array of the labels
	tree       // cell in hex; that JSON, with blanks for line breaks
)

// same says whether a member's JSON text is the cell. null is how the client prints NULL; no form has it as a value.
func same(f form, cell, member []byte) bool {
	if string(cell) == "NULL" {
		return string(member) == "null"
	}
	switch f {
	case digits:
		return bytes.Equal(cell, member)
	case eitherDigits:
		return bytes.Equal(cell, member) || isString(member, cell)
	case float32Number:
		return sameFloat(cell, member, 32)
	case float64Number:
		return sameFloat(cell, member, 64)
	case quoted:
		return isString(member, cell)
	case wallClock:
		return isString(member, bytes.Replace(cell, []byte(" "), []byte("T"), 1))
	case instant:
		return isString(member, append(bytes.Replace(cell, []byte(" "), []byte("T"), 1), 'Z'))
	}
	value := make([]byte, hex.DecodedLen(len(cell)))
	if _, err := hex.Decode(value, cell); err != nil {
		return false
	}
	switch f {
	case text:
		return isString(member, value)
	case base64Text:
		return isString(member, base64.StdEncoding.AppendEncode(nil, value))
	case set:
		return isLabels(member, value)
	case tree:
		for i, c := range value {
			if c == '\n' || c == '\r' {
				value[i] = ' '
			}
		}
		return bytes.Equal(value, member)
	}
	return false
}

// sameFloat compares all bits, the sign of a zero too. The client prints the fewest digits that identify a DOUBLE; the member is
// a float of its own width.
func sameFloat(cell, member []byte, bits int) bool {
	if len(member) == 0 || member[0] == '"' {
		return false
	}
	want, err := strconv.ParseFloat(string(cell), 64)
	if err != nil {
		return false
	}
	got, err := strconv.ParseFloat(string(member), bits)
	return err == nil && math.Float64bits(got) == math.Float64bits(want)
}

// isString says whether a JSON text is a string of exactly these bytes.
func isString(member, want []byte) bool {
	if len(member) < 2 || member[0] != '"' {
		return false
	}
	if inside := member[1 : len(member)-1]; bytes.IndexByte(inside, '\\') < 0 {
		return bytes.Equal(inside, want)
	}
	var got string
	return utf8.Valid(member) && json.Unmarshal(member, &got) == nil && got == string(want)
}

func isLabels(member, want []byte) bool {
	var got []string
	if !utf8.Valid(member) || json.Unmarshal(member, &got) != nil || got == nil {
		return false
	}
	if len(want) == 0 {
		return len(got) == 0
	}
	labels := bytes.Split(want, []byte(","))
	if len(labels) != len(got) {
		return false
	}
	for i, label := range labels {
		if got[i] != string(label) {
			return false
		}
	}
	return true
}

// members cuts a JSON object into the names and the values of its members, as they stand there, in their order. The text is
// known to be valid JSON.
func members(object []byte, each func(name, value []byte)) error {
	i := blanks(object, 0)
	if i >= len(object) || object[i] != '{' {
		return fmt.Errorf("read document: %.40q is no object", object)
	}
	for i = blanks(object, i+1); i < len(object) && object[i] != '}'; i = blanks(object, i) {
		if object[i] == ',' {
			i = blanks(object, i+1)
		}
		name := i
		i = skip(object, i)
		end := i
		i = blanks(object, blanks(object, i)+1) // the colon
		value := i
		i = skip(object, i)
		if i > len(object) || end-name < 2 {
			return fmt.Errorf("read document: %.40q ends early", object)
		}
		each(object[name+1:end-1], object[value:i])
	}
	return nil
}

func blanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skip returns where the value that begins at i ends.
func skip(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			i++
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		default:
			for i++; i < len(b) && (depth > 0 && b[i] != '"' && b[i] != '{' && b[i] != '[' && b[i] != '}' && b[i] != ']' ||
				depth == 0 && bytes.IndexByte([]byte(",:}] \n\r\t"), b[i]) < 0); i++ {
			}
		}
		if depth == 0 {
			return i
		}
	}
	return i
}
