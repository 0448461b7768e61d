"""The table in docs/decisions/0017 is what the model says, and its constants are in the text."""

import pytest

from tests.sizing import model


def test_the_table_is_what_the_model_says() -> None:
    told = model.DOCUMENT.read_text().partition(model.BEGIN)[2].partition(model.END)[0]
    assert told == model.table(), "run make sizing"


@pytest.mark.parametrize(
    "stated",
    [
        f"{model.RECORDS_A_DELIVERY} records a delivery",
        f"{model.SQLITE_BYTES} bytes a delivery on SQLite, {model.POSTGRES_BYTES} on PostgreSQL",
        f"collector {model.COLLECTOR_US}, coordinator {model.COORDINATOR_US}",
        f"nodes {model.NODES_US} together; one PostgreSQL {model.POSTGRES_US}",
        f"{model.ROWS_A_DELIVERY:.1f} rows a delivery",
        f"{model.KEPT_DAYS} days",
        f"{model.COPIES} copies",
        f"{model.PEAK} times the mean",
        f"{model.CORES} cores",
        f"{model.CELL_A_DAY / 1e9:.1f} billion deliveries a day",
        f"{model.NEW_ADDRESSES * 1000:.0f} new addresses in 1,000 deliveries",
    ],
)
def test_constants_are_stated(stated: str) -> None:
    assert stated in " ".join(model.DOCUMENT.read_text().split())
