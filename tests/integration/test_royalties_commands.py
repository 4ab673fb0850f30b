"""`quittance allocate` and `quittance tree`, as a user runs them."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from scripts.cli.allocate import allocate
from scripts.cli.problems import BAD_INPUT, CHECK_FAILED
from scripts.cli.tree import app as tree

TYPES = ["bytes32", "uint256"]
VALUES: list[list[Any]] = [["0x" + bytes([i] * 32).hex(), (i + 1) * 1000] for i in range(5)]
GOLDEN_ROOT = "0x1f67751fd0c6185a4eaa08257952fc91aeeb0089570cb472b031386c24663004"

app = typer.Typer()
app.command("allocate")(allocate)
app.add_typer(tree, name="tree")


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def written(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def values(tmp_path: Path) -> Path:
    return written(tmp_path / "values.json", {"types": TYPES, "values": VALUES})


def dataset(**changes: Any) -> dict[str, Any]:
    """Ann pays 10 and uses wA once, wB four times."""
    row = {"user": "ann", "minutes": 10, "price_ppm": 1_000_000, "region_ppm": 1_000_000}
    usage = [row | {"work": "wA"}, row | {"work": "wB", "plays": 4}]
    return {"tier_fees": {"ann": 1_000_000}, "usage": usage} | changes


def test_allocate__nothing__empty_maps(tmp_path: Path) -> None:
    path = written(tmp_path / "d.json", {"tier_fees": {}, "usage": []})

    assert run("allocate", path)[1] == (
        '{\n  "per_work": {},\n  "unallocated": 0,\n  "reputation": {}\n}\n'
    )


@pytest.mark.parametrize(
    ("parameters", "first"),
    [([], 657_534), (["--param", "k_ppm=0"], 500_000), (["--param", "plays_max=1"], 500_000)],
)
def test_allocate__parameters__take_effect(
    parameters: list[str], first: int, tmp_path: Path
) -> None:
    path = written(tmp_path / "d.json", dataset())

    code, output, _ = run("allocate", path, "--ruleset", "usercentric-v1", *parameters)

    assert code == 0
    assert json.loads(output)["per_work"]["wA"] == first


def test_allocate__bandwidth__burns_the_rest(tmp_path: Path) -> None:
    path = written(tmp_path / "d.json", dataset(bandwidth_ppm={"wA": 250_000, "wB": 250_000}))

    assert json.loads(run("allocate", path)[1])["unallocated"] == 750_000


def test_allocate__names_beyond_ascii__as_they_are(tmp_path: Path) -> None:
    data = dataset()
    data["usage"][0]["work"] = "Größe €"
    path = written(tmp_path / "d.json", data)

    assert '"Größe €": 657534' in run("allocate", path)[1]


def test_allocate__unknown_field__ignored_aloud(tmp_path: Path) -> None:
    path = written(tmp_path / "d.json", dataset(bandwith_ppm={"wA": 0}))

    code, _, errors = run("allocate", path)

    assert code == 0
    assert "field 'bandwith_ppm' is not known and was ignored" in errors


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "content: 'Expecting value"),
        ("[]", "content: [] is not one JSON object"),
        ('{"tier_fees":{}}', "usage: None is not a list"),
        ('{"tier_fees":[],"usage":[]}', "tier_fees: [] is not an object"),
        ('{"tier_fees":{"u":1.5},"usage":[]}', "tier_fees.u: 1.5 is not an integer"),
        ('{"tier_fees":{"u":true},"usage":[]}', "tier_fees.u: True is not an integer"),
        ('{"tier_fees":{"u":-1},"usage":[]}', "tier_fees.u: -1 is not an integer"),
        ('{"tier_fees":{"u":1,"u":2},"usage":[]}', "key 'u' stands twice"),
        ('{"tier_fees":{},"usage":[7]}', "usage[0]: 7 is not an object"),
        ('{"tier_fees":{},"usage":[{"user":1}]}', "usage[0]: user: 1 is not text"),
        (
            '{"tier_fees":{},"usage":[{"user":"u","work":"w","minutes":"5"}]}',
            "usage[0].minutes: '5' is not an integer",
        ),
        ('{"tier_fees":{},"usage":[],"bandwidth_ppm":5}', "bandwidth_ppm: 5 is not an object"),
        (f'{{"tier_fees":{{"u":1{"0" * 1000}}},"usage":[]}}', "is not below 10^1000"),
        (f'{{"tier_fees":{{"u":1{"0" * 5000}}},"usage":[]}}', "content: 'Exceeds the limit"),
    ],
)
def test_allocate__bad_data_set__exit_2_naming_field_and_value(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "data.json"
    path.write_text(text)

    code, output, errors = run("allocate", path)

    assert (code, output) == (BAD_INPUT, "")
    assert str(path) in errors
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ruleset", "global-v9"], "no ruleset is named 'global-v9'"),
        (["--param", "k=1"], "--param: name: 'k' is not one of k_ppm, plays_max"),
        (["--param", "k_ppm=-1"], "--param: k_ppm: '-1'"),
        (["--param", "plays_max=0"], "--param: plays_max: 0 is not in 1 to 100000"),
    ],
)
def test_allocate__bad_option__exit_2(options: list[str], message: str, tmp_path: Path) -> None:
    code, output, errors = run("allocate", written(tmp_path / "d.json", dataset()), *options)

    assert (code, output) == (BAD_INPUT, "")
    assert message in errors


def test_allocate__no_file__exit_2(tmp_path: Path) -> None:
    code, _, errors = run("allocate", tmp_path / "missing.json")

    assert code == BAD_INPUT
    assert "missing.json" in errors


def test_tree_build__json__golden_root(values: Path) -> None:
    code, output, _ = run("tree", "build", values, "--profile", "cwe-sorted-v1", "--json")

    assert code == 0
    assert json.loads(output) == {"leaf_count": 5, "profile": "cwe-sorted-v1", "root": GOLDEN_ROOT}


def test_tree_build__plain__root_on_its_line(values: Path) -> None:
    _, output, _ = run("tree", "build", values, "--profile", "cwe-sorted-v1")

    assert f"root: {GOLDEN_ROOT}\n" in output


@pytest.mark.parametrize("profile", ["oz-standard", "cwe-sorted-v1"])
def test_tree__build_prove_verify_detect__agree(profile: str, values: Path, tmp_path: Path) -> None:
    dump, proof = tmp_path / "dump.json", tmp_path / "proof.json"
    root = json.loads(
        run("tree", "build", values, "--profile", profile, "--dump", dump, "--json")[1]
    )["root"]

    by_index = run("tree", "prove", values, "--profile", profile, "--index", 3, "--json")[1]
    wanted = json.dumps([VALUES[3][0], str(VALUES[3][1])])
    by_value = run("tree", "prove", dump, "--profile", profile, "--value", wanted, "--json")[1]
    proof.write_text(by_index)

    assert json.loads(by_index)["proof"] == json.loads(by_value)["proof"]
    for checked in (proof, dump):
        assert run("tree", "verify", checked)[0] == 0
        assert run("tree", "verify", checked, "--root", root)[0] == 0
        assert run("tree", "verify", checked, "--root", "0x" + "00" * 32)[0] == 1
    assert run("tree", "verify", values, "--profile", profile, "--root", root)[0] == 0
    assert json.loads(run("tree", "detect", dump, "--json")[1])["profiles"] == [profile]
    assert json.loads(run("tree", "detect", values, "--root", root, "--json")[1]) == {
        "profiles": [profile],
        "root": root,
    }


def test_tree_verify__changed_amount__exit_1(values: Path, tmp_path: Path) -> None:
    output = run("tree", "prove", values, "--profile", "oz-standard", "--index", 0, "--json")[1]
    forged = json.loads(output) | {"value": [VALUES[0][0], 10**9]}

    code, answer, _ = run("tree", "verify", written(tmp_path / "p.json", forged), "--json")

    assert (code, json.loads(answer)) == (CHECK_FAILED, {"valid": False})


def test_tree_verify__changed_dump__exit_1(values: Path, tmp_path: Path) -> None:
    dump = tmp_path / "dump.json"
    run("tree", "build", values, "--profile", "oz-standard", "--dump", dump)
    document = json.loads(dump.read_text())
    document["values"][0]["value"][1] = "77"

    assert run("tree", "verify", written(dump, document))[0] == CHECK_FAILED


def test_tree_detect__no_profile__exit_1(values: Path) -> None:
    code, output, _ = run("tree", "detect", values, "--root", "0x" + "00" * 32, "--json")

    assert code == CHECK_FAILED
    assert json.loads(output)["profiles"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "--profile", "merkl"], "no tree profile is named 'merkl'"),
        (["build", "--profile", "uniswap-v1"], "types: ['bytes32', 'uint256'] is not"),
        (["prove", "--profile", "oz-standard"], "give exactly one of --index and --value"),
        (["prove", "--profile", "oz-standard", "--index", "5"], "--index: index: 5 is not below 5"),
        (["prove", "--profile", "oz-standard", "--value", "["], "--value: value: '['"),
        (["prove", "--profile", "oz-standard", "--value", "[1]"], "is not a list of 2 values"),
        (["detect"], "--root: root: None is not a hash"),
        (["detect", "--root", "0x12"], "--root: root: '0x12' is not a hash"),
        (["verify"], "to verify VALUES, give --profile and --root"),
    ],
)
def test_tree__bad_option__exit_2(arguments: list[str], message: str, values: Path) -> None:
    command, *options = arguments

    code, output, errors = run("tree", command, values, *options)

    assert (code, output) == (BAD_INPUT, "")
    assert message in errors


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"types": TYPES}, "values: None is not a list"),
        ({"values": []}, "types: None is not a list"),
        ({"types": ["foo"], "values": []}, "types[0]: 'foo'"),
        (
            {"types": TYPES, "values": [["0x12", 1]]},
            "values[0][0]: '0x12' is not a value of bytes32",
        ),
        ({"types": TYPES, "values": [[VALUES[0][0], 1.5]]}, "values[0][1]: 1.5"),
        ({"types": TYPES, "values": [[VALUES[0][0], -1]]}, "values[0]: "),
        ({"types": TYPES, "values": []}, "values: [] is not one value or more"),
    ],
)
def test_tree_build__bad_values__exit_2_naming_them(
    document: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "values.json", document)

    code, output, errors = run("tree", "build", path, "--profile", "oz-standard")

    assert (code, output) == (BAD_INPUT, "")
    assert str(path) in errors
    assert message in errors


def test_tree_build__dump_cannot_be_written__exit_2(values: Path, tmp_path: Path) -> None:
    target = tmp_path / "missing" / "dump.json"

    code, _, errors = run("tree", "build", values, "--profile", "oz-standard", "--dump", target)

    assert code == BAD_INPUT
    assert str(target) in errors
