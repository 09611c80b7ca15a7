"""Charts: functions that make Altair charts from frames and arrays, without Streamlit and without a store."""
