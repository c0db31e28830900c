"""The dashboard: a chart for each alarm with its threshold, and one for the tasks. Pure: names in, data out."""

from collections.abc import Mapping, Sequence

from components.aws.alarms import MINUTE, SERVICE_METRICS, Alarm, Metric, Of

Names = Mapping[Of, Mapping[str, object]]
"""The dimensions (name and value) that find the numbers of each kind of thing. A value may be known only later."""

COLUMNS, WIDTH, HEIGHT = 3, 8, 6
"""CloudWatch's grid is 24 wide."""


def dashboard(region: str, names: Names, alarms: Sequence[Alarm]) -> dict[str, object]:
    """The body of the dashboard, as CloudWatch takes it once it is JSON."""
    charts = [_tasks(region, names), *(_chart(region, names, alarm) for alarm in alarms)]
    widgets = [
        {
            "type": "metric",
            "x": place % COLUMNS * WIDTH,
            "y": place // COLUMNS * HEIGHT,
            "width": WIDTH,
            "height": HEIGHT,
            "properties": chart,
        }
        for place, chart in enumerate(charts)
    ]
    return {"widgets": widgets}


def dashboard_url(region: str, name: str) -> str:
    """Where people see it."""
    return f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards/dashboard/{name}"


def _tasks(region: str, names: Names) -> dict[str, object]:
    rows = [_row(names, metric, {"stat": metric.statistic}) for metric in SERVICE_METRICS]
    return {"title": "Tasks", "region": region, "view": "timeSeries", "period": MINUTE, "metrics": rows}


def _chart(region: str, names: Names, alarm: Alarm) -> dict[str, object]:
    rows: list[list[object]] = [
        _row(names, metric, {"id": key, "stat": metric.statistic, "visible": alarm.expression is None})
        for key, metric in alarm.metrics.items()
    ]
    if alarm.expression is not None:
        rows.append([{"id": "result", "expression": alarm.expression, "label": alarm.key}])
    return {
        "title": alarm.says,
        "region": region,
        "view": "timeSeries",
        "period": alarm.period,
        "metrics": rows,
        "annotations": {"horizontal": [{"label": "alarm", "value": alarm.threshold}]},
    }


def _row(names: Names, metric: Metric, options: dict[str, object]) -> list[object]:
    dimensions = [part for pair in names[metric.of].items() for part in pair]
    return [metric.namespace, metric.name, *dimensions, options]
