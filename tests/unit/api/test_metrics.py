from api.metrics import PayoutReading, Reading, RequestMetrics, exposition


def lines(metrics: RequestMetrics, reading: Reading | None) -> set[str]:
    return set(exposition(metrics, reading).decode().splitlines())


def test_exposition__no_reading__only_what_the_process_knows() -> None:
    metrics = RequestMetrics()
    metrics.observe("/epochs", 200, 0.004)

    shown = lines(metrics, None)

    assert "quittance_database_up 0.0" in shown
    assert (
        'quittance_request_duration_seconds_bucket{le="0.005",route="/epochs",status="200"} 1.0'
        in (shown)
    )
    assert not any(line.startswith("quittance_indexer_") for line in shown)


def test_exposition__reading__every_number_once() -> None:
    reading = Reading(
        chains=(),
        epochs=(("main", "active", 4),),
        discrepancies=(("main", "balance", 0),),
        payouts=(
            PayoutReading(
                settlement="main",
                looked_s_ago=7,
                needs=(("gas_money", 2),),
                open_operations=3,
                oldest_s=90,
            ),
        ),
    )

    shown = lines(RequestMetrics(), reading)

    assert shown >= {
        "quittance_database_up 1.0",
        'quittance_epochs{settlement="main",state="active"} 4.0',
        'quittance_discrepancies{kind="balance",settlement="main"} 0.0',
        'quittance_payout_needs{need="gas_money",settlement="main"} 2.0',
        'quittance_payout_look_age_seconds{settlement="main"} 7.0',
        'quittance_payout_operations_open{settlement="main"} 3.0',
        'quittance_payout_oldest_open_seconds{settlement="main"} 90.0',
    }


def test_metrics__two_apps__count_apart() -> None:
    first, second = RequestMetrics(), RequestMetrics()
    first.observe("/epochs", 200, 0.1)

    assert not any("/epochs" in line for line in lines(second, None))
