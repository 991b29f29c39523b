"""What an API gateway is told of this api: Azure API Management, WSO2 API Manager."""
