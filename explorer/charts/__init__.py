"""Charts: frames and arrays in, Altair charts out. No Streamlit, no store."""
