"""How long logs are kept, in CloudWatch's words."""

from collections.abc import Mapping

from aws_cdk import aws_logs as logs

from stacks.settings.functions import LogRetentionDays

RETENTION: Mapping[LogRetentionDays, logs.RetentionDays] = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}
