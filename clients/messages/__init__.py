"""Messages to customers: their texts, the ways they go, and the agent that sends each once."""
