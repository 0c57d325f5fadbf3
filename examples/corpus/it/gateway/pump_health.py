"""Gives a pump a health score from its hourly measurements.

Usage: pump_health.py measurements.csv
The file has the columns hour, vibration_mm_s, temperature_c, starts.
"""

import csv
import sys

VIBRATION_LIMIT = 4.5   # mm/s, the limit for a new AX-200 on a rigid base
TEMPERATURE_LIMIT = 75  # degrees Celsius at the bearing housing
MAX_STARTS = 15         # starts per hour that the motor bears


def health_score(row):
    """Returns a score from 0 (stop now) to 100 (as new)."""
    score = 100.0
    # Vibration weighs most: 40 points, lost linearly up to twice the limit.
    score -= 40 * min(float(row["vibration_mm_s"]) / (2 * VIBRATION_LIMIT), 1)
    score -= 35 * min(max(float(row["temperature_c"]) - 40, 0) / (TEMPERATURE_LIMIT - 40), 1)
    score -= 25 * min(int(row["starts"]) / MAX_STARTS, 1)
    return round(score, 1)


def main(path):
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            score = health_score(row)
            # Below 35 a service order is opened by hand.
            print(row["hour"], score, "SERVICE" if score < 35 else "ok")


if __name__ == "__main__":
    main(sys.argv[1])
