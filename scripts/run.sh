#!/usr/bin/env bash
# Set-up, then the demo: a whole settlement on a real chain and a real database. Arguments go to `quittance demo`.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
exec .venv/bin/quittance demo "$@"
