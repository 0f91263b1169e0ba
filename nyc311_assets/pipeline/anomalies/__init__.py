"""What is abnormal: days judged by forecasts issued before them, and the episodes they make."""
