package function

var signatures = []Signature{
	// Strings.
	{"UPPER", "s", "==0"}, {"LOWER", "s", "==0"}, {"TRIM", "s", "=0"}, {"LTRIM", "ss?", "=0"}, {"RTRIM", "ss?", "=0"}, {"BTRIM", "ss?", "=0"},
	{"INITCAP", "s", "==0"}, {"REVERSE", "s", "STRING?"}, {"SUBSTRING", "sii?", "=0?"}, {"CHAR_LENGTH", "s", "INT"}, {"OCTET_LENGTH", "s", "INT"},
	{"POSITION", "ssi?", "INT"}, {"INSTR", "ssi?i?", "INT"}, {"LOCATE", "ssi?", "INT"}, {"ASCII", "s", "INT"}, {"CHR", "l", "STRING?"},
	{"REPLACE", "sss", "STRING"}, {"TRANSLATE", "sss", "STRING"}, {"OVERLAY", "ssii?", "sum"}, {"REPEAT", "si", "STRING"},
	{"LPAD", "sis", "STRING"}, {"RPAD", "sis", "STRING"}, {"LEFT", "si", "=0?"}, {"RIGHT", "si", "=0?"},
	{"CONCAT", "ss*", "STRING"}, {"CONCAT_WS", "ss*", "STRING"}, {"SPLIT", "ss", "ARRAY<STRING>"}, {"SPLIT_INDEX", "ssi", "STRING?"}, {"SPLIT_INDEX", "sii", "STRING?"},
	{"STARTSWITH", "ss", "BOOLEAN"}, {"ENDSWITH", "ss", "BOOLEAN"}, {"STARTSWITH", "zz", "BOOLEAN"}, {"ENDSWITH", "zz", "BOOLEAN"},
	{"REGEXP", "ss", "BOOLEAN"}, {"REGEXP_EXTRACT", "ssi?", "STRING?"}, {"REGEXP_REPLACE", "sss", "STRING"}, {"REGEXP_COUNT", "ss", "INT?"},
	{"REGEXP_INSTR", "ss", "INT?"}, {"REGEXP_SUBSTR", "ss", "STRING?"}, {"REGEXP_EXTRACT_ALL", "ssi?", "ARRAY<STRING>?"},
	{"SIMILAR TO", "sss?", "BOOLEAN"}, {"RLIKE", "ss", "BOOLEAN"}, {"ELT", "is*", "STRING?"}, {"PRINTF", "sx*", "STRING?"},
	{"STR_TO_MAP", "s", "MAP<STRING,STRING>?"}, {"STR_TO_MAP", "sss", "MAP<STRING,STRING>?"}, {"PARSE_URL", "sss?", "STRING?"}, {"URL_ENCODE", "s", "STRING?"}, {"URL_DECODE", "s", "STRING?"},
	{"FROM_BASE64", "s", "STRING"}, {"FROM_BASE64", "z", "STRING"}, {"TO_BASE64", "s", "STRING"}, {"TO_BASE64", "z", "STRING"}, {"ENCODE", "ss", "BYTES?"}, {"DECODE", "zs", "STRING?"},
	{"UUID", "", "CHAR(36)!"}, {"MD5", "s", "CHAR(32)"}, {"MD5", "z", "CHAR(32)"}, {"SHA1", "s", "CHAR(40)"}, {"SHA1", "z", "CHAR(40)"},
	{"SHA224", "s", "CHAR(56)"}, {"SHA224", "z", "CHAR(56)"}, {"SHA256", "s", "CHAR(64)"}, {"SHA256", "z", "CHAR(64)"},
	{"SHA384", "s", "CHAR(96)"}, {"SHA384", "z", "CHAR(96)"}, {"SHA512", "s", "CHAR(128)"}, {"SHA512", "z", "CHAR(128)"},
	{"SHA2", "si", "VARCHAR(128)"}, {"SHA2", "zi", "VARCHAR(128)"}, {"HASH_CODE", "S", "INT"},
	{"IS_DECIMAL", "S", "BOOLEAN!"}, {"IS_DIGIT", "S", "BOOLEAN!"}, {"IS_ALPHA", "S", "BOOLEAN!"}, {"UNHEX", "s", "BYTES?"}, {"HEX", "l", "STRING"}, {"HEX", "s", "STRING"}, {"BIN", "l", "STRING"},
	// JSON. Written clauses follow the path, see plan.Call.
	{"JSON_EXISTS", "sss?", "BOOLEAN?"}, {"JSON_VALUE", "ssxxxx", "STRING?"}, {"JSON_VALUE", "ss", "STRING?"}, {"JSON_QUERY", "sss?s?s?", "STRING?"},
	{"JSON_STRING", "x", "STRING"}, {"JSON_QUOTE", "s", "STRING"}, {"JSON_UNQUOTE", "s", "STRING"},
	{"JSON_ARRAY", "sx*", "STRING!"}, {"JSON_OBJECT", "sx*", "STRING!"},
	{"IS JSON", "s", "BOOLEAN!"}, {"IS JSON VALUE", "s", "BOOLEAN!"}, {"IS JSON OBJECT", "s", "BOOLEAN!"}, {"IS JSON ARRAY", "s", "BOOLEAN!"},
	{"IS JSON SCALAR", "s", "BOOLEAN!"},
	// Numbers.
	{"ABS", "n", "=0"}, {"SIGN", "n", "=0"}, {"POWER", "dd", "DOUBLE"}, {"SQRT", "d", "DOUBLE"}, {"EXP", "d", "DOUBLE"}, {"LN", "d", "DOUBLE"},
	{"LOG10", "d", "DOUBLE"}, {"LOG2", "d", "DOUBLE"}, {"LOG", "dd?", "DOUBLE"}, {"SIN", "d", "DOUBLE"}, {"COS", "d", "DOUBLE"}, {"TAN", "d", "DOUBLE"},
	{"COT", "d", "DOUBLE"}, {"ASIN", "d", "DOUBLE"}, {"ACOS", "d", "DOUBLE"}, {"ATAN", "d", "DOUBLE"}, {"ATAN2", "dd", "DOUBLE"},
	{"SINH", "d", "DOUBLE"}, {"COSH", "d", "DOUBLE"}, {"TANH", "d", "DOUBLE"}, {"DEGREES", "d", "DOUBLE"}, {"RADIANS", "d", "DOUBLE"},
	{"PI", "", "DOUBLE!"}, {"E", "", "DOUBLE!"}, {"RAND", "i?", "DOUBLE!"}, {"RAND_INTEGER", "ii?", "INT!"},
	{"GREATEST", "cc*", "c"}, {"LEAST", "cc*", "c"},
	// Time.
	{"CURRENT_TIMESTAMP", "", "TIMESTAMP_LTZ(3)!"}, {"CURRENT_ROW_TIMESTAMP", "", "TIMESTAMP_LTZ(3)!"}, {"LOCALTIMESTAMP", "", "TIMESTAMP(3)!"},
	{"CURRENT_DATE", "", "DATE!"}, {"CURRENT_TIME", "", "TIME!"}, {"PROCTIME", "", "TIMESTAMP_LTZ(3)!"}, {"SOURCE_WATERMARK", "", "TIMESTAMP(3)!"},
	{"CURRENT_WATERMARK", "t", "TIMESTAMP(3)?"}, {"UNIX_TIMESTAMP", "", "BIGINT!"}, {"UNIX_TIMESTAMP", "ss?", "BIGINT?"}, {"UNIX_TIMESTAMP", "t", "BIGINT"},
	{"FROM_UNIXTIME", "ls?", "STRING?"}, {"DATE_FORMAT", "ts", "STRING?"}, {"DATE_FORMAT", "ss", "STRING?"}, {"TO_DATE", "ss?", "DATE?"},
	{"TO_TIMESTAMP", "ss?", "TIMESTAMP(3)?"}, {"TO_TIMESTAMP_LTZ", "ni?", "TIMESTAMP_LTZ(3)?"}, {"TO_TIMESTAMP_LTZ", "ss?s?", "TIMESTAMP_LTZ(3)?"},
	{"CONVERT_TZ", "sss", "STRING?"},
	// Collections.
	{"CARDINALITY", "a", "INT"}, {"CARDINALITY", "m", "INT"}, {"ARRAY_SIZE", "a", "INT"}, {"ELEMENT", "a", "elem?"}, {"ARRAY_CONTAINS", "aE", "BOOLEAN"},
	{"ARRAY_DISTINCT", "a", "=0"}, {"ARRAY_POSITION", "ae", "INT"}, {"ARRAY_REMOVE", "aE", "=0"}, {"ARRAY_REVERSE", "a", "=0"},
	{"ARRAY_APPEND", "ae", "grown"}, {"ARRAY_PREPEND", "ae", "grown"}, {"ARRAY_SORT", "ab?b?", "=0"}, {"ARRAY_SLICE", "aii?", "=0"},
	{"ARRAY_MAX", "a", "elem?"}, {"ARRAY_MIN", "a", "elem?"}, {"ARRAY_JOIN", "ass?", "STRING"}, {"ARRAY_CONCAT", "AA*", "c"},
	{"ARRAY_UNION", "AA", "c"}, {"ARRAY_EXCEPT", "AA", "c"}, {"ARRAY_INTERSECT", "AA", "c"}, {"MAP_KEYS", "m", "keys"}, {"MAP_VALUES", "m", "values"},
	{"MAP_ENTRIES", "m", "entries"}, {"MAP_FROM_ARRAYS", "aa", "pairs"}, {"MAP_UNION", "MM*", "c"},
	// Of the statement.
	{"CURRENT_DATABASE", "", "STRING!"}, {"TYPEOF", "xb?", "STRING?"},
	// Internal: the bucket 0..n-1 of a value, for split aggregates.
	{"$BUCKET", "xi", "INT!"},
}
