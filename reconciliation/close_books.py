"""Sections of the close report that are of one book: payout wallets, and trial balances."""

from collections.abc import Iterable, Iterator

from contracts.evm import ZERO_ADDRESS, Address
from reconciliation.close_cells import asset_name, figure, plain, written
from reconciliation.close_figures import CloseSource, GasUse, KindFlow
from reconciliation.close_words import ACCOUNTS, GAS_FOR
from reconciliation.trial_balance import TrialBalance, trial_balances
from settlement.ledger.accounts import AccountKind


def wallets_section(source: CloseSource) -> Iterator[str]:
    """What each payout wallet had, got, and spent, and what its gas was for."""
    yield "<h2>Payout wallets</h2>\n"
    if not source.wallets:
        yield '<p class="note">No payout wallet has a book yet.</p>\n'
        return
    yield "<p>Coins that pay for transactions. What a transaction cost is shared equally by what "
    yield "it paid; a transaction that failed cost gas too.</p>\n"
    for wallet in source.wallets:
        yield from _wallet(wallet, source)


def _wallet(wallet: Address, source: CloseSource) -> Iterator[str]:
    coins = [
        one
        for one in source.balances
        if (one.contract, one.asset, one.kind) == (wallet, ZERO_ADDRESS, AccountKind.WALLET)
    ]
    flows = [one for one in source.flows if (one.contract, one.asset) == (wallet, ZERO_ADDRESS)]
    gas, sent = _net(flows, AccountKind.GAS), _net(flows, AccountKind.UNEXPLAINED)
    start, end = sum(one.opening for one in coins), sum(one.closing for one in coins)
    rows = (
        ("start", "Coins at the start", start),
        ("brought_in", "Brought in, less taken out by hand", end - start + gas + sent),
        ("gas", "Transaction costs (gas)", -gas),
        ("sent", "Coins sent without a known cause", -sent),
        ("end", "Coins at the end", end),
    )
    yield f"<h3><code>{wallet}</code></h3>\n<table><tr><th></th><th>wei</th><th>coins</th></tr>"
    unit = source.units.get(ZERO_ADDRESS)
    for name, label, amount in rows:
        yield f"<tr><td>{label}</td>{figure(wallet, name, amount)}{written(amount, unit)}</tr>"
    yield "</table>\n"
    uses = [one for one in source.gas if one.wallet == wallet]
    if uses:
        yield from _gas(wallet, uses, gas)


def _net(flows: Iterable[KindFlow], kind: AccountKind) -> int:
    """What went to accounts of a kind, less what came back."""
    return sum(
        flow.amount if flow.debit is kind else -flow.amount
        for flow in flows
        if kind in (flow.debit, flow.credit)
    )


def _gas(wallet: Address, uses: list[GasUse], total: int) -> Iterator[str]:
    yield "<table><tr><th>Gas, by what it was for</th><th>Epoch</th><th>Transactions</th>"
    yield "<th>Payments</th><th>wei</th></tr>"
    for one in uses:
        epoch = "" if one.epoch is None else str(one.epoch)
        name = f"gas:{one.kind or 'none'}:{epoch}"
        yield f"<tr><td>{GAS_FOR.get(one.kind, one.kind)}</td><td>{epoch}</td>"
        yield f"{plain(one.transactions)}{plain(one.operations)}"
        yield f"{figure(wallet, name, one.amount)}</tr>"
    by_hand = total - sum(one.amount for one in uses)
    if by_hand:
        yield "<tr><td>Corrected by hand, or taken back</td><td></td><td></td><td></td>"
        yield f"{figure(wallet, 'gas:corrected', by_hand)}</tr>"
    yield f"<tr><th>All gas</th><th></th><th></th><th></th>{plain(total)}</tr></table>\n"


def trial_section(source: CloseSource) -> Iterator[str]:
    """A trial balance of every book in every asset.

    Raises:
        CloseBroken: debits and credits do not come to the same.
    """
    yield "<h2>Trial balances</h2>\n<p>Base units. Every account that debits raise: start + debits"
    yield " - credits = end; every other: start - debits + credits = end.</p>\n"
    for balance in trial_balances(source.flows, source.balances):
        yield from _trial(balance, source)


def _trial(balance: TrialBalance, source: CloseSource) -> Iterator[str]:
    name = source.contracts.get(balance.contract)
    title = "Payout wallet" if name is None else name.value
    yield f"<h3>{title} <code>{balance.contract}</code>: "
    yield f"{asset_name(balance.asset, source.units)}</h3>\n<table><tr><th>Account</th>"
    yield "<th>Raised by</th><th>Start</th><th>Debits</th><th>Credits</th><th>End</th></tr>"
    for line in balance.lines:
        side = "debits" if line.kind.is_debit_normal else "credits"
        yield f"<tr><td>{ACCOUNTS[line.kind]}</td><td>{side}</td>{plain(line.start)}"
        yield f"{plain(line.debits)}{plain(line.credits)}{plain(line.end)}</tr>"
    start, end = balance.balance(at_start=True), balance.balance(at_start=False)
    yield f"<tr><th>Either side</th><th></th>{plain(start)}{plain(balance.moved)}"
    yield f"{plain(balance.moved)}{plain(end)}</tr></table>\n"
