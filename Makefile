.PHONY: geoip

geoip: ## install and check geolocation for real addresses (DB-IP City Lite and AS numbers)
	pipeline/geoip.sh
