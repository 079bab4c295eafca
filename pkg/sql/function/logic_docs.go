package function

var comparisonDocs = []Doc{
	{Name: "=", Call: "a = b\na <> b, a != b", Text: "Equal, not equal. Rows, arrays and maps can be compared too.", Example: "1 = 1.0", Result: "true"},
	{Name: "<", Call: "a < b, a <= b, a > b, a >= b", Text: "Order: numbers by value, text by its bytes, FALSE before TRUE.", Example: "'a' < 'b'", Result: "true"},
	{Name: "IS NULL", Call: "a IS [NOT] NULL", Text: "Whether there is no value.", Example: "CAST(NULL AS INT) IS NULL", Result: "true", Null: never},
	{Name: "IS DISTINCT FROM", Call: "a IS [NOT] DISTINCT FROM b", Text: "Not equal, where two NULLs are equal.", Example: "1 IS DISTINCT FROM CAST(NULL AS INT)", Result: "true", Null: never},
	{Name: "BETWEEN", Call: "a [NOT] BETWEEN [SYMMETRIC] low AND high", Text: "Both ends included; SYMMETRIC takes the ends in any order.", Example: "5 BETWEEN SYMMETRIC 9 AND 1", Result: "true",
		Null: "when what is not NULL does not decide"},
	{Name: "IN", Call: "a [NOT] IN (b, …)", Text: "Whether one of the values is equal.", Example: "2 IN (1, 2, NULL)", Result: "true", Null: "when a is, or when no value is equal and one is NULL"},
	{Name: "LIKE", Call: "s [NOT] LIKE pattern [ESCAPE c]", Text: "Whether all of the text matches: % stands for any text, _ for one character, which is no line end.", Example: "'a_c' LIKE 'a!_%' ESCAPE '!'", Result: "true"},
	{Name: "SIMILAR TO", Call: "s [NOT] SIMILAR TO pattern [ESCAPE c]", Text: "Whether all of the text matches a regular expression of SQL: the characters of LIKE, and `|*+?{}()[]`.", Example: "'abc' SIMILAR TO '(a|b)%'", Result: "true"},
}

var logicDocs = []Doc{
	{Name: "AND", Call: "a AND b", Text: "FALSE if one is FALSE, whatever the other.", Example: "FALSE AND CAST(NULL AS BOOLEAN)", Result: "false", Null: "when neither is FALSE and one is NULL"},
	{Name: "OR", Call: "a OR b", Text: "TRUE if one is TRUE, whatever the other.", Example: "TRUE OR CAST(NULL AS BOOLEAN)", Result: "true", Null: "when neither is TRUE and one is NULL"},
	{Name: "NOT", Call: "NOT a", Text: "The opposite.", Example: "NOT FALSE", Result: "true"},
	{Name: "IS TRUE", Call: "a IS [NOT] TRUE\na IS [NOT] FALSE\na IS [NOT] UNKNOWN", Text: "Tests a truth value.", Example: "CAST(NULL AS BOOLEAN) IS NOT TRUE", Result: "true", Null: never},
}

var conditionDocs = []Doc{
	{Name: "CASE", Call: "CASE WHEN condition THEN value … [ELSE value] END\nCASE a WHEN b THEN value … [ELSE value] END", Text: "The value of the first condition that is TRUE.",
		Example: "CASE WHEN 1 > 2 THEN 'more' ELSE 'less' END", Result: "less", Null: "without a condition that is TRUE and without ELSE"},
	{Name: "IF", Call: "IF(condition, then, else)", Text: "One of two values; a condition that is NULL takes the second.", Example: "IF(1 < 2, 'less', 'more')", Result: "less", Null: "when the value taken is"},
	{Name: "COALESCE", Call: "COALESCE(value, …)", Text: "The first value that is not NULL.", Example: "COALESCE(CAST(NULL AS INT), 7)", Result: "7", Null: "when all are"},
	{Name: "IFNULL", Call: "IFNULL(value, replacement)", Text: "The value, or the replacement where it is NULL.", Example: "IFNULL(CAST(NULL AS INT), 7)", Result: "7", Null: "when both are"},
	{Name: "NULLIF", Call: "NULLIF(a, b)", Text: "The first value unless both are equal.", Example: "NULLIF(5, 5)", Result: "NULL", Null: "when a = b or a is NULL"},
	{Name: "GREATEST", Call: "GREATEST(value, …)", Text: "The largest value.", Example: "GREATEST(1, 3, 2)", Result: "3"},
	{Name: "LEAST", Call: "LEAST(value, …)", Text: "The smallest value.", Example: "LEAST(1, 3, 2)", Result: "1"},
}

var castDocs = []Doc{
	{Name: "CAST", Call: "CAST(value AS type)", Text: "The value in another type; what cannot be converted is an error of the row.", Example: "CAST(' 12 ' AS INT)", Result: "12"},
	{Name: "TRY_CAST", Call: "TRY_CAST(value AS type)", Text: "As CAST, but NULL in place of an error.", Example: "TRY_CAST('x' AS INT)", Result: "NULL", Null: "when the value is, or has no place in the type"},
}

var statementDocs = []Doc{
	{Name: "TYPEOF", Call: "TYPEOF(value[, serializable])", Text: "The value's type as text; with TRUE without abbreviations such as STRING.", Example: "TYPEOF(UPPER('abc'))", Result: "CHAR(3) NOT NULL", Null: never},
	{Name: "CURRENT_DATABASE", Call: "CURRENT_DATABASE()", Text: "The name of the database.", Example: "CURRENT_DATABASE()", Result: "default_database", Null: never},
}
