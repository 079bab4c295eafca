package binlog

import (
	"fmt"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// charset finds the decoder of a MySQL character set; nil for UTF-8 and bytes. In the binlog text is as it is stored.
func charset(name string) (encoding.Encoding, error) {
	switch name {
	case "", "binary", "ascii", "utf8", "utf8mb3", "utf8mb4":
		return nil, nil
	case "utf16", "ucs2":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), nil
	case "utf16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), nil
	case "utf32":
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), nil
	}
	web := map[string]string{
		"latin1": "windows-1252", "latin2": "iso-8859-2", "latin5": "windows-1254", "latin7": "iso-8859-13", "greek": "iso-8859-7", "hebrew": "iso-8859-8",
		"cp1250": "windows-1250", "cp1251": "windows-1251", "cp1256": "windows-1256", "cp1257": "windows-1257", "cp866": "ibm866", "koi8r": "koi8-r", "koi8u": "koi8-u",
		"gb2312": "gbk", "gbk": "gbk", "gb18030": "gb18030", "big5": "big5", "sjis": "shift_jis", "cp932": "shift_jis", "ujis": "euc-jp", "eucjpms": "euc-jp",
		"euckr": "euc-kr", "tis620": "windows-874", "macroman": "macintosh",
	}[name]
	if web == "" {
		return nil, fmt.Errorf("character set %s is not known", name)
	}
	return htmlindex.Get(web)
}
