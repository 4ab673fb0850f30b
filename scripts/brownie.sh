#!/usr/bin/env bash
# A Brownie console on a chain, with the contracts of its settlements by name: `scripts/brownie.sh CONFIG.toml [FILE.py …]`,
# where CONFIG.toml is what `quittance devnet` prints, or your own; without files, lines are read from the keyboard.
# In an environment and a home of its own, because Brownie pins another web3: nothing of the product imports it.
set -euo pipefail
usage="usage: scripts/brownie.sh CONFIG.toml [FILE.py …]"
[ $# -gt 0 ] && [ -f "$1" ] || { echo "brownie: $usage" >&2 && exit 2; }
for file; do set -- "$@" "$(realpath "$file")" && shift; done
cd "$(dirname "$0")/.."
. scripts/tool_environment.sh
tool_environment brownie

program=$(cat <<'PYTHON'
import code, json, pathlib, sys, tomllib
from brownie import Contract, network
from brownie._config import CONFIG

repository, config, *files = map(pathlib.Path, sys.argv[1:])
chain = tomllib.loads(config.read_text())["chain"][0]
CONFIG.networks["quittance"] = {
    "id": "quittance", "name": chain["name"], "host": chain["rpc"][0], "chainid": chain["id"],
}
network.connect("quittance")

def contract(name, address):
    abi = json.loads((repository / "contracts" / "artifacts" / f"{name}.json").read_text())["abi"]
    return Contract.from_abi(name, address, abi, persist=False)

committed = repository / "contracts" / "addresses" / f"{chain['id']}.json"
book = config.parent / chain["addresses"] if "addresses" in chain else committed
settlements = {
    settlement: {name: contract(name, at) for name, at in {**known["contracts"], **known["payments"]}.items()}
    for settlement, known in json.loads(book.read_text())["settlements"].items()
}
here = {"network": network, "Contract": Contract, "settlements": settlements}
if len(settlements) == 1:
    here |= next(iter(settlements.values()))
for file in files:
    exec(compile(file.read_text(), str(file), "exec"), here)
if not files:
    told = "; ".join(f"{name}: {', '.join(contracts)}" for name, contracts in settlements.items())
    code.interact(f"Chain {network.chain.id}, block {network.chain.height}. {told}", local=here, exitmsg="")
PYTHON
)
mkdir -p .venv-brownie/home
repository=$PWD
cd .venv-brownie/home  # not here: it would take our folders for a project of its own
HOME=$PWD exec ../bin/python -c "$program" "$repository" "$@"
