"""A vendor's register map in CSV becomes a profile, or says row by row why not."""

from __future__ import annotations

from typing import get_args

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settings.document import Document
from gateway.settings.load import interpret
from gateway.settings.model import TagType
from gateway.settings.problems import SettingsError
from gateway.settings.register_map import MapNotation, import_register_map

TABLES = '"coil", "discrete", "input" or "holding"'


def tags(text: str, notation: MapNotation = MapNotation()) -> list[dict[str, object]]:  # noqa: B008 - it is frozen
    found: list[dict[str, object]] = tomli.loads(import_register_map(text, "map.csv", "m", "M", notation))["tag"]
    return found


def problems(text: str, notation: MapNotation = MapNotation()) -> list[str]:  # noqa: B008 - it is frozen
    with pytest.raises(SettingsError) as refusal:
        import_register_map(text, "map.csv", "m", "M", notation)
    return [str(problem) for problem in refusal.value.problems]


def test_a_plain_map() -> None:
    text = "name,table,address,type,scale,units\nvoltage,holding,0,uint16,0.1,V\nenergy,input,0x0A,uint32,,kWh\n"
    assert tags(text) == [
        {"name": "voltage", "table": "holding", "address": 0, "type": "uint16", "scale": 0.1, "units": "V"},
        {"name": "energy", "table": "input", "address": 10, "type": "uint32", "units": "kWh"},
    ]


def test_titles_separators_and_words_of_vendors() -> None:
    text = (
        "\ufeffRegister name;Register type;Data type;Start address;Factor;Unit;R/W;Bemerkung\r\n"
        'Voltage L1 (V);Holding Register;U16;6Bh;0,1;V;R/W;"three; phases"\r\n'
        "\r\n"
        "Running;Digital input;Boolean;3;;;RO;\r\n"
    )
    profile = import_register_map(text, "map.csv", "vendor-x", "Vendor X")
    assert "# Columns of the map that are not used here: Bemerkung" in profile
    first, second = tomli.loads(profile)["tag"]
    assert first == {
        "name": "Voltage_L1_V",
        "table": "holding",
        "address": 107,
        "type": "uint16",
        "scale": 0.1,
        "units": "V",
        "writable": True,
        "description": "Voltage L1 (V)",
    }
    assert (second["table"], second["type"]) == ("discrete", "bool")
    assert tags("name\ttable\taddress\ttype\nx\t4x\t1\tfloat\n")[0]["type"] == "float32"


def test_modicon_numbers_only_when_told() -> None:
    text = "name,address,type\nx,40108,int16\ny,300001,int16\n"
    assert tags(text, MapNotation(modicon=True)) == [
        {"name": "x", "table": "holding", "address": 107, "type": "int16"},
        {"name": "y", "table": "input", "address": 0, "type": "int16"},
    ]
    assert tags("name,modicon,type\nx,40108,int16\n")[0]["address"] == 107
    # Without that, 40108 is the address 40108: SunSpec devices do have such.
    assert tags("name,address,type,table\nx,40108,int16,holding\n")[0]["address"] == 40108


def test_maps_that_count_from_one() -> None:
    text = "name,address,type\nx,1,int16\n"
    assert tags(text, MapNotation(one_based=True, table="holding"))[0]["address"] == 0
    assert problems(text.replace(",1,", ",0,"), MapNotation(one_based=True, table="holding")) == [
        "map.csv:2:1: error: address: 0 where addresses count from one. Check how this map counts"
    ]


def test_every_bad_row_gets_one_error_with_its_line() -> None:
    text = (
        "name,table,address,type,scale,access\n"
        "good,holding,1,int16,,\n"
        ",holding,1,int16,,\n"
        "a,,1,int16,,\n"
        "b,holding,,int16,,\n"
        "c,holding,1.5,int16,,\n"
        "d,holding,1,int15,,\n"
        "e,holding,1,int16,x,\n"
        "f,register,1,int16,,\n"
        "g,holding,1,int16,,maybe\n"
        "good,holding,1,int16,,\n"
        "h,holding,70000,int16,0,\n"
        "i,input,1,int16,,RW\n"
        "j,holding,1,,,\n"
        "k,holding,1,string,,\n"
    )
    types = " / ".join(f'"{name}"' for name in get_args(TagType))
    assert problems(text) == [
        "map.csv:3:1: error: the row has no name. Give every register one",
        f'map.csv:4:1: error: the row has no table. Write {TABLES} into a column "table", or say --table',
        "map.csv:5:1: error: the row has no address. Write it, or remove the row",
        'map.csv:6:1: error: address: "1.5" is no whole number. Write it like 107, 0x6B or 6Bh',
        f'map.csv:7:1: error: type: "int15" is not known here. Write one of {types.replace(" /", ",")}',
        'map.csv:8:1: error: scale: "x" is no number. Write it like 0.1 or 0,1',
        f'map.csv:9:1: error: table: "register" is not known here. Write one of {TABLES.replace(" or", ",")}',
        'map.csv:10:1: error: access: "maybe" is not known here. Write one of "R", "RW"',
        'map.csv:11:1: error: name: there is a tag "good" already (line 2). Rename or remove one',
        "map.csv:12:1: error: address: must be 0 to 65535, not 70000",
        (
            'map.csv:13:1: error: writable: table "input" is read only. '
            "Only coils and holding registers can be written; remove it or correct the table"
        ),
        f'map.csv:14:1: error: the row has no "type". Add type ({types})',
        "map.csv:15:1: error: type: a string needs its length in registers (two characters each). Add length",
    ]


@pytest.mark.parametrize(("separator", "called"), [(",", "comma"), (";", "semicolon"), ("\t", "tab")])
def test_cells_beyond_the_header_are_refused(separator: str, called: str) -> None:
    text = "name,table,address,type,scale\nvolt,input,0,float32,0,5\nwatt,input,2,float32,1,, \n"
    cure = f"Put texts and numbers with a {called} in quotes, or give every column a title"
    assert problems(text.replace(",", separator)) == [f"map.csv:2:1: error: the row has 6 cells, the header 5. {cure}"]
    assert len(tags(text.replace("0,5", "0.5").replace(",", separator))) == 2


def test_a_row_is_named_by_the_line_it_begins_on() -> None:
    rows = 'volt,input,,float32,"of phase 1\nto neutral"\n\nwatt,input,,float32,\n'
    assert problems(f"name,table,address,type,description\n{rows}") == [
        (
            "map.csv:2:1: error: the row has no address. Write it, or remove the row. "
            "The row goes on over line ends: are its quotes right?"
        ),
        "map.csv:5:1: error: the row has no address. Write it, or remove the row",
    ]


def test_quotes_that_take_in_other_rows_are_told() -> None:
    text = (
        "name,table,address,type,description\nvolt,input,0,float32,x\nwatt,input,2,float32,y\nvar,input,4,float32,z\n"
    )
    never = "error: a quote of this row is never closed. Check its quotes"
    assert problems(text.replace("volt", '"volt')) == [f"map.csv:2:1: {never}"]
    assert problems(text.replace("y", '"y')) == [f"map.csv:3:1: {never}"]
    assert problems(text.replace("name", '"name')) == [f"map.csv:1:1: {never}"]
    (words,) = problems(text.replace("volt", '"volt').replace("watt,input", 'watt,input"'))
    assert words.startswith('map.csv:2:1: error: table: "2" is not known here. ')
    assert words.endswith(". The row goes on over line ends: are its quotes right?")


def test_modicon_mistakes() -> None:
    text = "name,table,modicon,type\na,input,40001,int16\nb,,4,int16\nc,,20001,int16\nd,,40000,int16\n"
    assert [line.split(". ")[0] for line in problems(text)] == [
        'map.csv:2:1: error: address: 40001 is a holding number, but the table is "input"',
        'map.csv:3:1: error: address: "4" is no Modicon number',
        'map.csv:4:1: error: address: "20001" is no Modicon number',
        'map.csv:5:1: error: address: "40000" is no Modicon number',
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "map.csv:1:1: error: the file is empty. Export the map"),
        ("\n1,2\n", "map.csv:1:1: error: the first line is empty. Put the column titles"),
        ("name,address,register\n", 'map.csv:1:1: error: columns "address" and "register" both mean address'),
        ("name,address\n\n", "map.csv:1:1: error: the file has no rows"),
    ],
)
def test_files_that_are_no_map(text: str, words: str) -> None:
    assert problems(text)[0].startswith(words)


def test_titles_that_are_missing_are_listed_with_all_that_would_do() -> None:
    (words,) = problems("a;b\n1;2\n")
    assert words.startswith("map.csv:1:1: error: the header has no column for name (such as name, tag, tagname, ")
    assert ", description, " in words
    assert ") and none for address (such as address, addr, register, " in words
    assert words.endswith('plcaddress), only "a", "b". Put the column titles into the first line')
    (words,) = problems("name;table\n1;2\n")
    assert words.startswith("map.csv:1:1: error: the header has no column for address (such as address, ")


def test_a_map_without_names_is_named_by_its_descriptions() -> None:
    text = (
        "Register,Description,Type,Table,Remarks\n"
        "0,Phase 1 voltage.,float32,input,see 3.1\n"
        "2,Überstrom,uint16,input,\n"
        "3,,uint16,input,\n"
    )
    assert problems(text) == ["map.csv:4:1: error: the row has no name. Give every register one"]
    profile = import_register_map(text.replace("3,,uint16,input,\n", ""), "map.csv", "m", "M")
    assert "not used here: Remarks" in profile
    first, second = tomli.loads(profile)["tag"]
    assert (first["name"], first["description"]) == ("Phase_1_voltage", "Phase 1 voltage.")
    assert (second["name"], second["description"]) == ("Ueberstrom", "Überstrom")


def test_names_made_of_long_descriptions_are_cut_and_stay_apart() -> None:
    long = "Total active energy imported over all phases since commissioning"
    rows = [f"{long}, tariff 1", f"{long}, tariff 2", long]
    text = "Description;Address;Type\n" + "".join(f"{row};{2 * n};uint32\n" for n, row in enumerate(rows))
    found = tags(text, MapNotation(table="input"))
    assert [tag["name"] for tag in found] == [
        "Total_active_energy_imported_over_all_phases_since_commis-87044d",
        "Total_active_energy_imported_over_all_phases_since_commis-3892d0",
        "Total_active_energy_imported_over_all_phases_since_commissioning",
    ]
    assert [tag["description"] for tag in found] == rows


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Überstrom", "Ueberstrom"),
        ("U\u0308berstrom", "Ueberstrom"),
        ("Größe m²", "Groesse_m2"),
        ("Énergie réactive", "Energie_reactive"),
        ("cos φ", "cos_phi"),
        ("Łódź", "Lodz"),
        ("\N{MICRO SIGN}A", "uA"),
    ],
)
def test_letters_of_other_languages_are_spelt_out(written: str, name: str) -> None:
    assert tags(f"name,table,address,type\n{written},input,0,int16\n")[0]["name"] == name


def test_titles_in_other_languages_are_known_however_they_are_spelt() -> None:
    assert tags("Bezeichnung;Registeradresse;table;Typ\nx;7;input;int16\n")[0]["address"] == 7


@pytest.mark.parametrize(
    ("written", "length"), [("string(8)", 4), ("STRING[7]", 4), ("Char 20", 10), ("ascii(16)", 8), ("str1", 1)]
)
def test_strings_say_their_characters(written: str, length: int) -> None:
    (tag,) = tags(f"name,table,address,type\nx,input,0,{written}\n")
    assert (tag["type"], tag["length"]) == ("string", length)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("Float (32 bit)", "float32"),
        ("Unsigned 16-bit", "uint16"),
        ("16 bit signed", "int16"),
        ("32-bit unsigned integer", "uint32"),
        ("64 bits int", "int64"),
    ],
)
def test_types_with_their_bits(written: str, kind: str) -> None:
    assert tags(f"name,table,address,type\nx,input,0,{written}\n")[0]["type"] == kind


def test_a_column_of_lengths_says_registers() -> None:
    assert tags("name,table,address,type,length\nx,input,0,string(8),8\n")[0]["length"] == 8


cells = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(["holding", "1", "int16", "0,1", '"', "x"])


@settings(max_examples=150)
@given(st.lists(st.lists(cells, min_size=6, max_size=6), max_size=4), st.sampled_from(",;\t"))
def test_what_is_imported_can_be_loaded(rows: list[list[str]], separator: str) -> None:
    header = ["name", "table", "address", "type", "scale", "units"]
    text = "\n".join(separator.join(row) for row in [header, *rows])
    try:
        profile = import_register_map(text, "map.csv", "m", "M")
    except SettingsError:
        return
    line = '[[line]]\nname = "l"\ntransport = "tcp"\nhost = "h"\n[[line.device]]\nname = "d"\nunit = 1\n'
    body = profile[profile.index("[[tag]]") :].replace("[[tag]]", "[[line.device.tag]]")
    assert interpret(Document("test.toml", line + body)).lines[0].devices[0].tags
