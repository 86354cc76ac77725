"""The words register maps use, each reduced to small letters and digits, and what they are called here."""

from __future__ import annotations


def _by_word(groups: dict[str, str]) -> dict[str, str]:
    return {word: key for key, words in groups.items() for word in words.split()}


COLUMNS = _by_word(
    {
        "name": "name tag tagname parameter parametername variable signal point pointname registername label "
        "bezeichnung",
        "address": "address addr register registeraddress registernumber registerno reg regaddr startaddress "
        "startregister modbusaddress modbusregister adresse registeradresse dataaddress",
        "modicon": "modicon modiconaddress plcaddress",
        "table": "table registertype objecttype area space registertable function functioncode fc",
        "type": "type datatype format dataformat typ datentyp",
        "length": "length len count registers words quantity noofregisters registercount size",
        "units": "units unit uom engineeringunits engineeringunit einheit",
        "scale": "scale factor multiplier gain scalefactor faktor",
        "offset": "offset",
        "minimum": "minimum min low lowlimit",
        "maximum": "maximum max high highlimit",
        "deadband": "deadband",
        "bit": "bit bitnumber bitno",
        "width": "width bits bitwidth",
        "word_order": "wordorder",
        "byte_order": "byteorder",
        "access": "access rw readwrite writable zugriff",
        "poll": "poll interval pollinterval",
        "source": "source page",
        "description": "description comment comments remark remarks note notes beschreibung",
    }
)

TABLES = _by_word(
    {
        "coil": "coil coils co 0x fc1 fc01 fc5 digitaloutput",
        "discrete": "discrete discreteinput discreteinputs di 1x fc2 fc02 digitalinput",
        "input": "input inputregister inputregisters ir 3x fc4 fc04",
        "holding": "holding holdingregister holdingregisters hr 4x fc3 fc03 fc6 fc16",
    }
)

TYPES = _by_word(
    {
        "bool": "bool boolean bit",
        "uint8": "uint8 u8 byte usint",
        "int8": "int8 s8 i8 sint",
        "uint16": "uint16 u16 uint word unsigned16 unsignedint16 unsignedinteger16 uint16t",
        "int16": "int16 s16 i16 int short signed16 signedint16 signedinteger16 integer16 int16t",
        "uint32": "uint32 u32 udint dword unsigned32 unsignedint32 unsignedinteger32 uint32t",
        "int32": "int32 s32 i32 dint long signed32 signedint32 signedinteger32 integer32 int32t",
        "uint64": "uint64 u64 ulint qword unsigned64 unsignedint64 unsignedinteger64 uint64t",
        "int64": "int64 s64 i64 lint signed64 signedint64 signedinteger64 integer64 int64t",
        "float16": "float16 f16 half",
        "float32": "float32 f32 float real single real32 ieee754 float32ieee754 ieee754float32 floatingpoint32",
        "float64": "float64 f64 double lreal real64 floatingpoint64",
        "bcd16": "bcd16 bcd",
        "bcd32": "bcd32",
        "epoch32": "epoch32 unixtime",
        "epoch64": "epoch64",
        "epoch64ms": "epoch64ms",
        "string": "string str ascii text char",
    }
)

READ_ONLY = ("r", "ro", "read", "readonly")
READ_WRITE = ("rw", "readwrite", "w", "wo", "write", "wr")
TRUE_WORDS = ("true", "yes", "y", "1", "x")
FALSE_WORDS = ("false", "no", "n", "0")
